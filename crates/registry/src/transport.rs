//! HTTP: connections, proxies, roots, timeouts. Follows no redirects and knows no credentials.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use lapstrake_http::{Agents, Origin, Settings, Url, agent};
use serde::Deserialize;
use ureq::http::{HeaderMap, Method, Request, Response};
use ureq::tls::{Certificate, PemItem, RootCerts, parse_pem};
use ureq::{Agent, Body, BodyReader, SendBody};

use crate::config::{ClientConfig, Timeouts};
use crate::endpoint::Endpoint;
use crate::error::{CONNECTION, Error};
use crate::retry::parse_retry_after;

/// How much of an error's body is read for its message.
const MAX_MESSAGE_BODY: u64 = 16 * 1024;
/// How many characters of it are shown.
const MAX_MESSAGE: usize = 300;

/// Sends requests. Can be used from many threads at once; connections are kept and reused.
pub(crate) struct Transport {
    agents: Agents,
    /// Hosts with roots of their own.
    own_roots: BTreeMap<Origin, Agent>,
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
            own_roots: agents_with_own_roots(config, &settings)?,
            timeouts: config.timeouts,
        })
    }

    /// `GET`.
    pub(crate) fn get(&self, url: &Url, headers: &[(&str, &str)]) -> Result<Answer, Error> {
        let mut request = self.agent(&url.origin).get(url.full());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.answer(url, request.call())
    }

    /// `POST` of a form.
    pub(crate) fn post(&self, url: &Url, form: &str) -> Result<Answer, Error> {
        let request = self
            .agent(&url.origin)
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
        self.answer(url, self.agent(&url.origin).run(request))
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
        match source {
            ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
                self.timed_out(host, CONNECTION, self.timeouts.connect)
            }
            ureq::Error::Timeout(ureq::Timeout::PerRead | ureq::Timeout::PerWrite) => {
                self.timed_out(host, "answer", self.timeouts.idle)
            }
            ureq::Error::Timeout(_) => self.timed_out(host, "answer", self.timeouts.response),
            source => Error::Request { url: url.to_string(), source },
        }
    }

    fn agent(&self, origin: &Origin) -> &Agent {
        self.own_roots.get(origin).unwrap_or_else(|| self.agents.of(origin))
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
        timeouts: lapstrake_http::Timeouts { connect, response, idle },
        user_agent: config.user_agent.clone(),
    }
}

fn agents_with_own_roots(
    config: &ClientConfig,
    settings: &Settings,
) -> Result<BTreeMap<Origin, Agent>, Error> {
    let mut agents = BTreeMap::new();
    for (name, registry) in &config.registries {
        if registry.certificates.is_empty() {
            continue;
        }
        let roots = roots(name, &registry.certificates)?;
        let origin = Endpoint::registry(name, Some(registry))?.origin;
        let proxy = config.proxy.of(&origin)?;
        agents.insert(origin, agent(settings, roots, proxy));
    }
    Ok(agents)
}

fn roots(registry: &str, texts: &[String]) -> Result<RootCerts, Error> {
    let wrong = |source| Error::Certificate { registry: registry.to_owned(), source };
    let mut certificates: Vec<Certificate<'static>> = Vec::new();
    for text in texts {
        for item in parse_pem(text.as_bytes()) {
            if let PemItem::Certificate(certificate) = item.map_err(wrong)? {
                certificates.push(certificate);
            }
        }
    }
    Ok(RootCerts::new_with_certs(&certificates))
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
    use crate::Proxy;

    #[test]
    fn messages_cannot_move_the_cursor() {
        let body = r#"{"errors":[{"code":"X","message":"a\u001b[2Jb\nc"}]}"#;
        let complaint: Complaint = serde_json::from_str(body).unwrap();
        assert_eq!(complaint.text(), "a[2Jbc");
    }

    #[test]
    fn refuses_broken_settings() {
        let registry = crate::RegistryConfig {
            certificates: vec![
                "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----".to_owned(),
            ],
            ..crate::RegistryConfig::default()
        };
        let mut config = ClientConfig::default();
        config.registries.insert("a.io".to_owned(), registry);
        assert!(matches!(Transport::new(&config), Err(Error::Certificate { .. })));
        let proxy = Proxy { https: Some("http://u:secret@".to_owned()), ..Proxy::default() };
        let error = Transport::new(&ClientConfig { proxy, ..ClientConfig::default() }).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
    }
}
