//! HTTP: connections, proxies, roots, timeouts. Follows no redirects and knows no credentials.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use lapstrake_http::{Agents, Origin, Settings, Tls, Url, agent, denied};
use serde::Deserialize;
use ureq::http::{HeaderMap, Method, Request, Response};
use ureq::{Agent, Body, BodyReader, SendBody};

use crate::auth::lock;
use crate::certificates::CertificateSource;
use crate::config::{ClientConfig, Timeouts};
use crate::error::{ANSWER, CONNECTION, Error};
use crate::retry::parse_retry_after;

/// How much of an error's body is read for its message.
const MAX_MESSAGE_BODY: u64 = 16 * 1024;
/// How many characters of it are shown.
const MAX_MESSAGE: usize = 300;

/// Sends requests. Can be used from many threads at once; connections are kept and reused.
pub(crate) struct Transport {
    agents: Agents,
    settings: Settings,
    certificates: CertificateSource,
    /// Hosts with certificates of their own, and those that need none.
    hosts: Mutex<BTreeMap<Origin, Agent>>,
    timeouts: Timeouts,
}

/// An answer whose body was not read yet.
pub(crate) struct Answer {
    pub(crate) url: Url,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: BodyReader<'static>,
}

impl Transport {
    pub(crate) fn new(config: &ClientConfig) -> Result<Self, Error> {
        let settings = connection(config);
        Ok(Self {
            agents: Agents::new(&settings)?,
            settings,
            certificates: config.certificates.clone(),
            hosts: Mutex::default(),
            timeouts: config.timeouts,
        })
    }

    /// `GET`.
    pub(crate) fn get(&self, url: &Url, headers: &[(&str, &str)]) -> Result<Answer, Error> {
        let mut request = self.agent(url)?.get(url.full());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.answer(url, request.call())
    }

    /// `POST` of a form.
    pub(crate) fn post(&self, url: &Url, form: &str) -> Result<Answer, Error> {
        let request = self
            .agent(url)?
            .post(url.full())
            .header("Content-Type", "application/x-www-form-urlencoded");
        self.answer(url, request.send(form))
    }

    /// Any method, with a body.
    pub(crate) fn send(
        &self,
        method: Method,
        url: &Url,
        headers: &[(&str, &str)],
        body: SendBody<'_>,
    ) -> Result<Answer, Error> {
        let mut request = Request::builder().method(method).uri(url.full());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let invalid = |source: ureq::http::Error| self.failed(url, source.into());
        let request = request.body(body).map_err(invalid)?;
        self.answer(url, self.agent(url)?.run(request))
    }

    /// All of a small body; `what` names it in errors.
    pub(crate) fn read(&self, answer: Answer, what: &str, limit: usize) -> Result<Vec<u8>, Error> {
        let limit = limit as u64;
        let too_large = || Error::TooLarge {
            what: what.to_owned(),
            endpoint: answer.url.origin.to_string(),
            limit,
        };
        if answer.content_length().is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        let bytes = self
            .read_until(answer.body.take(limit.saturating_add(1)))
            .map_err(|source| self.interrupted(&answer.url.origin, source))?;
        if bytes.len() as u64 > limit { Err(too_large()) } else { Ok(bytes) }
    }

    /// What a failed read of a body means.
    pub(crate) fn interrupted(&self, origin: &Origin, source: io::Error) -> Error {
        let host = origin.to_string();
        match source.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>()) {
            Some(ureq::Error::Timeout(_)) => self.timed_out(host, "data", self.timeouts.idle),
            _ if source.kind() == io::ErrorKind::TimedOut => {
                self.timed_out(host, "complete document", self.timeouts.document)
            }
            _ => Error::Interrupted { host, source },
        }
    }

    fn timed_out(&self, host: String, awaited: &'static str, limit: Duration) -> Error {
        Error::Timeout { host, awaited, limit }
    }

    /// Reads to the end, but not for longer than a document may take.
    fn read_until(&self, mut body: impl Read) -> io::Result<Vec<u8>> {
        let start = Instant::now();
        let mut bytes = Vec::new();
        let mut buffer = [0; 16 * 1024];
        loop {
            let count = body.read(&mut buffer)?;
            if count == 0 {
                return Ok(bytes);
            }
            bytes.extend_from_slice(buffer.get(..count).unwrap_or_default());
            if start.elapsed() > self.timeouts.document {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }

    fn answer(
        &self,
        url: &Url,
        result: Result<Response<Body>, ureq::Error>,
    ) -> Result<Answer, Error> {
        let (parts, body) = result.map_err(|source| self.failed(url, source))?.into_parts();
        Ok(Answer {
            url: url.clone(),
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.into_reader(),
        })
    }

    fn failed(&self, url: &Url, source: ureq::Error) -> Error {
        let host = url.origin.to_string();
        if let Some(denied) = denied(&source) {
            return Error::Policy { url: url.to_string(), source: denied.clone() };
        }
        match source {
            ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
                self.timed_out(host, CONNECTION, self.timeouts.connect)
            }
            ureq::Error::Timeout(ureq::Timeout::PerRead | ureq::Timeout::PerWrite) => {
                self.timed_out(host, ANSWER, self.timeouts.idle)
            }
            ureq::Error::Timeout(_) => self.timed_out(host, ANSWER, self.timeouts.response),
            source => Error::Request { url: url.to_string(), source },
        }
    }

    /// Whether `origin` speaks TLS, whoever it is. If it does, its certificates are not checked from
    /// now on.
    pub(crate) fn get_unverified(&self, origin: &Origin) -> Result<Answer, Error> {
        let agent = self.with_certificates(origin, Tls::unverified)?;
        let url = Url { origin: origin.clone(), path: "/v2/".to_owned() };
        let answer = self.answer(&url, agent.get(url.full()).call())?;
        lock(&self.hosts).insert(origin.clone(), agent);
        Ok(answer)
    }

    fn agent(&self, url: &Url) -> Result<Agent, Error> {
        let origin = &url.origin;
        let usual = self.agents.of(origin).map_err(|source| self.failed(url, source))?;
        if !origin.tls {
            return Ok(usual.clone());
        }
        if let Some(agent) = lock(&self.hosts).get(origin) {
            return Ok(agent.clone());
        }
        let agent = self.with_certificates(origin, |tls| tls)?;
        lock(&self.hosts).insert(origin.clone(), agent.clone());
        Ok(agent)
    }

    /// Connections with the host's own certificates if there are any.
    fn with_certificates(
        &self,
        origin: &Origin,
        change: impl Fn(Tls) -> Tls,
    ) -> Result<Agent, Error> {
        let shown = origin.to_string();
        let host = shown.strip_prefix("https://").unwrap_or(&shown);
        let wrong =
            |source| Error::Certificates { host: host.to_owned(), source: Box::new(source) };
        let found = self.certificates.find(host);
        let found =
            found.map_err(|source| Error::Certificates { host: host.to_owned(), source })?;
        let tls = found.tls().map_err(wrong)?;
        Ok(agent(&self.settings, &change(tls), self.settings.proxy.of(origin)?))
    }
}

impl Answer {
    /// The value of a header field if it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) fn content_length(&self) -> Option<u64> {
        self.header("content-length")?.trim().parse().ok()
    }

    /// The error that this answer is. Reads its body for what the registry says about it.
    pub(crate) fn into_error(self) -> Error {
        let retry_after =
            self.header("retry-after").and_then(|field| parse_retry_after(field, Timestamp::now()));
        let (url, status) = (self.url.to_string(), self.status);
        Error::Status { url, status, message: self.into_message(), retry_after }
    }

    /// What the registry says in an error's body; empty when it says nothing or not as specified.
    pub(crate) fn into_message(self) -> String {
        let mut bytes = Vec::new();
        // A message is a courtesy: what cannot be read of it is left out.
        let _ = self.body.take(MAX_MESSAGE_BODY).read_to_end(&mut bytes);
        serde_json::from_slice::<Complaint>(&bytes).map(|found| found.text()).unwrap_or_default()
    }
}

/// The body of an error: a registry's (distribution-spec) or a token server's (RFC 6749, 5.2).
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Complaint {
    errors: Vec<Item>,
    details: String,
    error_description: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Item {
    code: String,
    message: String,
}

impl Complaint {
    /// In one line, without anything that moves the cursor.
    fn text(&self) -> String {
        let first = self.errors.first();
        let candidates = [
            first.map(|item| item.message.as_str()),
            first.map(|item| item.code.as_str()),
            Some(self.details.as_str()),
            Some(self.error_description.as_str()),
        ];
        let text = candidates.into_iter().flatten().find(|text| !text.is_empty());
        let printable = |letter: &char| !letter.is_control();
        text.unwrap_or_default().chars().filter(printable).take(MAX_MESSAGE).collect()
    }
}

fn connection(config: &ClientConfig) -> Settings {
    let Timeouts { connect, response, idle, .. } = config.timeouts;
    Settings {
        proxy: config.proxy.clone(),
        policy: config.policy.clone(),
        timeouts: lapstrake_http::Timeouts { connect, response, idle },
        user_agent: config.user_agent.clone(),
    }
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Transport")
            .field("timeouts", &self.timeouts)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HostCertificates, Proxy};

    #[test]
    fn messages_cannot_move_the_cursor() {
        let body = r#"{"errors":[{"code":"X","message":"a\u001b[2Jb\nc"}]}"#;
        let complaint: Complaint = serde_json::from_str(body).unwrap();
        assert_eq!(complaint.text(), "a[2Jbc");
    }

    #[test]
    fn refuses_broken_certificates() {
        let with = |authorities: &[&str], client: Option<(&str, &str)>| {
            let found = HostCertificates {
                authorities: authorities.iter().map(|text| (*text).to_owned()).collect(),
                client: client.map(|(chain, key)| (chain.to_owned(), key.to_owned())),
            };
            let certificates = CertificateSource::new(move |_| Ok(found.clone()));
            let config = ClientConfig { certificates, ..ClientConfig::default() };
            let url = Url::parse("https://127.0.0.1:1/").unwrap();
            Transport::new(&config).unwrap().get(&url, &[]).err().unwrap()
        };
        let broken = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----";
        for error in [with(&[broken], None), with(&[""], None), with(&[], Some(("", "")))] {
            assert!(matches!(error, Error::Certificates { .. }), "{error:?}");
        }
    }

    #[test]
    fn refuses_broken_settings() {
        let proxy = Proxy { https: Some("http://u:secret@".to_owned()), ..Proxy::default() };
        let error = Transport::new(&ClientConfig { proxy, ..ClientConfig::default() }).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
    }
}
