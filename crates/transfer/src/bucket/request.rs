//! Signing and sending.

use std::io;
use std::time::Duration;

use lapstrake_http::Url;
use rusty_s3::S3Action;
use ureq::http::{self, Method, Response};
use ureq::{Body, SendBody};

use super::{BucketError, Inner};

/// How often a request is tried.
const TRIES: u32 = 4;

/// How long to wait before the second try; doubled before each further one.
const FIRST_DELAY: Duration = Duration::from_millis(250);

/// When a signature ends to be good. Only the beginning of a request has to lie before that.
const EXPIRY: Duration = Duration::from_secs(900);

/// A body of more bytes is sent when the server has agreed to take it.
const AGREED: u64 = 1 << 20;

/// Gives the body once more, from its beginning.
pub(super) type Content<'a> = &'a dyn Fn() -> io::Result<SendBody<'static>>;

/// What is to be sent.
pub(super) struct Request<'a> {
    method: Method,
    key: &'a str,
    /// Signed. Lower case.
    headers: Vec<(&'static str, String)>,
    body: Option<(u64, Content<'a>)>,
}

impl<'a> Request<'a> {
    /// `GET`, `HEAD` or `PUT` of an object.
    pub(super) fn new(method: Method, key: &'a str) -> Self {
        Self { method, key, headers: Vec::new(), body: None }
    }

    pub(super) fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(super) fn with_body(self, size: u64, body: Content<'a>) -> Self {
        Self { body: Some((size, body)), ..self }
    }
}

impl Inner {
    /// Whatever the server answers. What may go better the next time is tried again.
    pub(super) fn send(&self, request: &Request<'_>) -> Result<Response<Body>, BucketError> {
        let mut delay = FIRST_DELAY;
        for _ in 1..TRIES {
            match self.send_once(request) {
                Ok(answer) if matches!(answer.status().as_u16(), 429 | 500 | 502..=504) => {}
                Err(BucketError::Request { source, .. }) if is_cut(&source) => {}
                other => return other,
            }
            std::thread::sleep(delay);
            delay *= 2;
        }
        self.send_once(request)
    }

    fn send_once(&self, request: &Request<'_>) -> Result<Response<Body>, BucketError> {
        let url = self.signed(request)?;
        let server = url.origin.to_string();
        let failed = |source| BucketError::Request { server: server.clone(), source };
        let mut built = http::Request::builder().method(request.method.clone()).uri(url.full());
        for (name, value) in &request.headers {
            built = built.header(*name, value);
        }
        let body = match request.body {
            Some((size, body)) => {
                built = built.header("content-length", size);
                if size > AGREED {
                    built = built.header("expect", "100-continue");
                }
                body().map_err(|source| failed(Box::new(source.into())))?
            }
            // A request without a body says so where one might have it.
            None if request.method == Method::PUT => {
                built = built.header("content-length", 0);
                SendBody::none()
            }
            None => SendBody::none(),
        };
        let built = built.body(body).map_err(|source| failed(Box::new(source.into())))?;
        let agent = self.agents.of(&url.origin).map_err(|source| failed(Box::new(source)))?;
        agent.run(built).map_err(|source| failed(Box::new(source)))
    }

    /// The object's address with the signature.
    fn signed(&self, request: &Request<'_>) -> Result<Url, BucketError> {
        let credentials = self.credentials.as_ref();
        let signed = match request.method {
            Method::HEAD => self.bucket.head_object(credentials, request.key).sign(EXPIRY),
            Method::PUT => {
                let mut put = self.bucket.put_object(credentials, request.key);
                for (name, value) in &request.headers {
                    put.headers_mut().insert(*name, value.as_str());
                }
                put.sign(EXPIRY)
            }
            _ => self.bucket.get_object(credentials, request.key).sign(EXPIRY),
        };
        let invalid = |_| BucketError::Endpoint { endpoint: super::shown(&self.config.endpoint) };
        Url::parse(signed.as_str()).map_err(invalid)
    }
}

/// Whether a connection ended in the middle of something.
fn is_cut(error: &ureq::Error) -> bool {
    use io::ErrorKind as Kind;
    let ureq::Error::Io(error) = error else { return false };
    matches!(
        error.kind(),
        Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe | Kind::UnexpectedEof
    )
}

/// A key in a header: percent-encoded but for its slashes.
pub(super) fn encoded(key: &str) -> String {
    key.split('/').map(lapstrake_http::encode).collect::<Vec<_>>().join("/")
}
