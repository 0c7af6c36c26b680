//! What can go wrong between us and a registry.

use std::error::Error as StdError;
use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use lapstrake_http::{Denied, InvalidProxy, InvalidUrl};
use lapstrake_oci::{Digest, Platform};

use crate::docker_config::InvalidDockerConfig;
use crate::guard::Forbidden;

/// Why something could not be had from a registry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A configured registry or mirror is no host or URL.
    #[error("registry or mirror {text:?} is invalid: {reason}")]
    Endpoint {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: InvalidUrl,
    },
    /// The certificates for a host cannot be used.
    #[error("cannot use the certificates for {host}")]
    Certificates {
        /// The host, with its port unless that is the usual one.
        host: String,
        /// What is wrong with them.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A configured proxy is no URL.
    #[error(transparent)]
    Proxy(#[from] InvalidProxy),
    /// Docker's configuration cannot be read.
    #[error("cannot read Docker's config.json")]
    DockerConfig {
        /// What the JSON reader found.
        source: serde_json::Error,
    },
    /// The credentials in Docker's configuration are broken.
    #[error(
        "cannot read the credentials for {registry} in Docker's config.json: {reason}, log in again"
    )]
    Stored {
        /// The registry.
        registry: String,
        /// What is wrong with them.
        reason: InvalidDockerConfig,
    },
    /// A credential helper wrote something else than credentials.
    #[error("cannot read the answer of a credential helper")]
    HelperAnswer {
        /// What the JSON reader found.
        source: serde_json::Error,
    },
    /// The credentials of a registry could not be looked up.
    #[error("cannot look up the credentials for {registry}")]
    Credentials {
        /// The registry.
        registry: String,
        /// What the lookup said.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A request could not be sent, or no answer came.
    #[error("cannot reach {url}{}", hint_of_request(.source))]
    Request {
        /// Where to, without its query.
        url: String,
        /// What happened.
        source: ureq::Error,
    },
    /// The configuration denies the host.
    #[error("refusing to ask {url}")]
    Policy {
        /// Where to, without its query.
        url: String,
        /// What denies it.
        source: Denied,
    },
    /// Nothing happened for too long.
    #[error("gave up on {host}: no {awaited} within {} s", .limit.as_secs_f32())]
    Timeout {
        /// Scheme, host and port.
        host: String,
        /// What was waited for.
        awaited: &'static str,
        /// For how long.
        limit: Duration,
    },
    /// The connection was cut in the middle of an answer.
    #[error("connection to {host} was cut")]
    Interrupted {
        /// Scheme, host and port.
        host: String,
        /// What happened.
        source: io::Error,
    },
    /// An answer that is no success.
    #[error("{url} answered {status}{}{}", after_colon(.message), hint_of_status(*.status))]
    Status {
        /// What was asked, without its query.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What the registry says about it; empty when it says nothing.
        message: String,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// No endpoint has it.
    #[error("{what} was not found at {}, check the name or log in", .endpoints.join(", "))]
    NotFound {
        /// What was asked for.
        what: String,
        /// Who was asked, and what those said that did not say no.
        endpoints: Vec<String>,
    },
    /// It exists only for somebody else, or not at all.
    #[error("access to {what} was denied by {host}{}, {}", after_colon(.message), hint_of_denial(*.logged_in))]
    Denied {
        /// What was asked for.
        what: String,
        /// Scheme, host and port.
        host: String,
        /// What the registry says about it; empty when it says nothing.
        message: String,
        /// Credentials were sent.
        logged_in: bool,
    },
    /// The registry wants credentials in a way that is not known here.
    #[error("cannot log in to {host}: it asks for neither basic nor bearer authentication")]
    Challenge {
        /// Scheme, host and port.
        host: String,
    },
    /// The registry's token server is no URL.
    #[error("cannot log in to {host}: its token server {realm:?} is invalid: {reason}")]
    RealmUrl {
        /// Scheme, host and port.
        host: String,
        /// What it calls its token server, shortened.
        realm: String,
        /// What is wrong with it.
        reason: InvalidUrl,
    },
    /// The registry names a token server that must not get credentials.
    #[error("refusing to log in to {host} at {realm}: {reason}")]
    Realm {
        /// Scheme, host and port.
        host: String,
        /// The token server.
        realm: String,
        /// Why it is refused.
        reason: Forbidden,
    },
    /// The token server refuses the credentials.
    #[error("the credentials for {registry} were refused by {realm}{}, log in again", after_colon(.message))]
    Login {
        /// The registry.
        registry: String,
        /// The token server.
        realm: String,
        /// What it says about it; empty when it says nothing.
        message: String,
    },
    /// The registry, or its token server, does not take the credentials that somebody logs in with.
    #[error("{registry} refused the user name and password{}", after_colon(.message))]
    Refused {
        /// The registry.
        registry: String,
        /// What is said about it; empty when nothing is.
        message: String,
    },
    /// The token server answers something else than a token.
    #[error("cannot read the token from {realm}")]
    TokenAnswer {
        /// The token server.
        realm: String,
        /// What the JSON reader found.
        source: serde_json::Error,
    },
    /// The token server's answer holds no token.
    #[error("{realm} answered without a token")]
    NoToken {
        /// The token server.
        realm: String,
    },
    /// A redirect to nowhere.
    #[error("{url} redirects to an invalid location: {reason}")]
    RedirectUrl {
        /// What was asked, without its query.
        url: String,
        /// What is wrong with the location.
        reason: InvalidUrl,
    },
    /// A redirect that must not be followed.
    #[error("refusing the redirect from {url} to {to}: {reason}")]
    Redirect {
        /// What was asked, without its query.
        url: String,
        /// Where it leads.
        to: String,
        /// Why it is refused.
        reason: Forbidden,
    },
    /// Redirects without end.
    #[error("{url} redirects more than {limit} times")]
    Redirects {
        /// What was asked, without its query.
        url: String,
        /// How many are followed.
        limit: usize,
    },
    /// An answer to a request for a part that is not that part.
    #[error("{url} answered with another range than bytes {offset} and following")]
    Range {
        /// What was asked, without its query.
        url: String,
        /// The first byte asked for.
        offset: u64,
    },
    /// What came is not what it is called.
    #[error("{what} from {endpoint} is not what it should be: expected {expected}, got {found}")]
    Digest {
        /// What was asked for.
        what: String,
        /// Who sent it.
        endpoint: String,
        /// The digest it should have.
        expected: Digest,
        /// The digest of what came.
        found: Digest,
    },
    /// What came has another size than its descriptor says.
    #[error("{what} from {endpoint} has the wrong size: expected {expected} bytes, got {found}")]
    Size {
        /// What was asked for.
        what: String,
        /// Who sent it.
        endpoint: String,
        /// The size it should have.
        expected: u64,
        /// The size it has; `expected` + 1 stands for anything larger.
        found: u64,
    },
    /// More came than is read of such a thing.
    #[error("refusing {what} from {endpoint}: it is larger than {limit} bytes")]
    TooLarge {
        /// What was asked for.
        what: String,
        /// Who sent it.
        endpoint: String,
        /// The most that is read, in bytes.
        limit: u64,
    },
    /// A manifest, index or config that cannot be used.
    #[error("cannot use {what} from {endpoint}")]
    Document {
        /// What was asked for.
        what: String,
        /// Who sent it.
        endpoint: String,
        /// What is wrong with it.
        source: lapstrake_oci::Error,
    },
    /// What is to be pushed cannot be read.
    #[error("cannot read {what} to push it")]
    Content {
        /// What it is.
        what: String,
        /// What happened.
        source: io::Error,
    },
    /// A list of tags that cannot be read.
    #[error("cannot read the tags of {what} from {endpoint}")]
    Tags {
        /// The repository.
        what: String,
        /// Who sent it.
        endpoint: String,
        /// What the JSON reader found.
        source: serde_json::Error,
    },
    /// What was found cannot be read.
    #[error("cannot read what {endpoint} found")]
    Search {
        /// Who searched.
        endpoint: String,
        /// What the JSON reader found.
        source: serde_json::Error,
    },
    /// The image does not exist for the platform.
    #[error("{what} has no image for {wanted}, only for {}", list(.offered))]
    NoPlatform {
        /// The image.
        what: String,
        /// The platform asked for.
        wanted: Box<Platform>,
        /// Those that it exists for.
        offered: Vec<Platform>,
    },
    /// Indexes in indexes.
    #[error("refusing {what}: more than {limit} indexes stand above its manifest")]
    IndexDepth {
        /// The image.
        what: String,
        /// How many are followed.
        limit: usize,
    },
    /// The only endpoint failed.
    #[error("cannot fetch {what} from {endpoint}")]
    Fetch {
        /// What was asked for.
        what: String,
        /// Who was asked.
        endpoint: String,
        /// What happened.
        source: Box<Error>,
    },
    /// Every endpoint failed.
    #[error("cannot fetch {what}: {}", list(.failures))]
    FetchAnywhere {
        /// What was asked for.
        what: String,
        /// Who was asked, in order, and what happened.
        failures: Vec<Failure>,
    },
}

impl Error {
    /// Trying the same again later may go well.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(status, 429 | 500 | 502 | 503 | 504),
            Self::Timeout { awaited, .. } => *awaited != CONNECTION,
            Self::Interrupted { .. } => true,
            Self::Request { source: ureq::Error::Io(source), .. } => is_cut(source.kind()),
            _ => false,
        }
    }

    /// Whether a question was taken and nothing came back, or no more than a part.
    pub fn is_silence(&self) -> bool {
        match self {
            Self::Timeout { awaited, .. } => *awaited != CONNECTION,
            Self::Fetch { source, .. } => source.is_silence(),
            _ => false,
        }
    }
}

/// What is waited for after a question.
pub(crate) const ANSWER: &str = "answer";

/// What a connection timeout waits for.
pub(crate) const CONNECTION: &str = "connection";

fn is_cut(kind: io::ErrorKind) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        kind,
        Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe | Kind::UnexpectedEof
    )
}

/// What one endpoint answered.
#[derive(Debug, thiserror::Error)]
#[error("{endpoint}: {}", with_causes(.error))]
pub struct Failure {
    /// Scheme, host and port.
    pub endpoint: String,
    /// What happened.
    pub error: Error,
}

fn hint_of_request(source: &ureq::Error) -> &'static str {
    let is_tls = match source {
        ureq::Error::Rustls(_) => true,
        // What rustls finds during a handshake comes like this.
        ureq::Error::Io(source) => source.kind() == io::ErrorKind::InvalidData,
        _ => false,
    };
    match is_tls {
        true => {
            " with TLS; if it speaks plain HTTP, mark the registry as insecure, if its certificate is \
             your own, put the authority's into certs.d"
        }
        false => "",
    }
}

fn hint_of_status(status: u16) -> &'static str {
    match status {
        429 => ", wait or log in for a higher limit",
        _ => "",
    }
}

fn hint_of_denial(logged_in: bool) -> &'static str {
    if logged_in { "check the name and what this login may do" } else { "check the name or log in" }
}

fn after_colon(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

fn list<T: ToString>(items: &[T]) -> String {
    let texts: Vec<String> = items.iter().map(T::to_string).collect();
    if texts.is_empty() { "none".to_owned() } else { texts.join(", ") }
}

/// An error and what caused it, in one line.
pub(crate) fn with_causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a String does not fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}
