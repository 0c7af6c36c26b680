//! Asking for a file: who may see which credentials, which redirects are followed, and whether the
//! answer is one that is known already.

use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lapstrake_http::{Agents, InvalidUrl, Settings, Timeouts, Url, denied};
use ureq::http::{HeaderMap, Response};

use super::HttpUrl;
use super::known::Known;
use crate::{Error, Secrets};

/// How many redirects are followed, as in Go and curl.
const MAX_REDIRECTS: usize = 10;

/// Sends requests. Can be used from many threads at once.
#[derive(Debug)]
pub(crate) struct Client {
    agents: Agents,
    timeouts: Timeouts,
}

/// What a server says.
pub(crate) enum Answer<'k> {
    /// The body is that of an earlier answer.
    Unchanged(&'k Known),
    /// A body that was not read yet.
    Body { headers: HeaderMap, reader: Box<dyn Read + Send> },
}

impl Client {
    pub(crate) fn new(settings: &Settings) -> Result<Self, Error> {
        Ok(Self { agents: Agents::new(settings)?, timeouts: settings.timeouts })
    }

    /// Asks for `url`, following redirects. Credentials go to its own host, port and scheme alone.
    pub(crate) fn get<'k>(
        &self,
        url: &HttpUrl,
        secrets: &Secrets,
        known: &'k [Known],
    ) -> Result<Answer<'k>, Error> {
        let authorization = authorization(url, secrets)?;
        let (mut target, mut known) = (url.url.clone(), known);
        for _ in 0..=MAX_REDIRECTS {
            let is_home = target.origin == url.url.origin;
            let authorization = authorization.as_deref().filter(|_| is_home);
            let response = self.ask(&target, authorization, known)?;
            let status = response.status().as_u16();
            match (status, unchanged(&response, known)) {
                (200..=299 | 304, Some(same)) => return Ok(Answer::Unchanged(same)),
                (200..=299, None) => return Ok(body(response)),
                // It does not say which of the answers it means.
                (304, None) if !known.is_empty() => known = &[],
                (301 | 302 | 303 | 307 | 308, _) => target = next(&target, response.headers())?,
                _ => {
                    let host = target.origin.host.clone();
                    return Err(Error::Status { url: target.to_string(), status, host });
                }
            }
        }
        Err(Error::Redirects { url: url.to_string(), limit: MAX_REDIRECTS })
    }

    /// Where `url` redirects to, as long as that stays at its own host, port and scheme.
    pub(crate) fn locate(&self, url: &Url, authorization: &str) -> Result<Option<Url>, Error> {
        let mut target = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.ask(&target, Some(authorization), &[])?;
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(Some(target));
            }
            target = next(&target, response.headers())?;
            if target.origin != url.origin {
                return Ok(None);
            }
        }
        Err(Error::Redirects { url: url.to_string(), limit: MAX_REDIRECTS })
    }

    fn ask(
        &self,
        url: &Url,
        authorization: Option<&str>,
        known: &[Known],
    ) -> Result<Response<ureq::Body>, Error> {
        let failed = |source| self.failed(url, source);
        let mut request = self.agents.of(&url.origin).map_err(failed)?.get(url.full());
        if let Some(value) = authorization {
            request = request.header("Authorization", value);
        }
        let tags: Vec<&str> =
            known.iter().filter_map(|known| known.fields.etag.as_deref()).collect();
        if !tags.is_empty() {
            request = request.header("If-None-Match", tags.join(", "));
        }
        request.call().map_err(failed)
    }

    fn failed(&self, url: &Url, source: ureq::Error) -> Error {
        if let Some(denied) = denied(&source) {
            return Error::Policy { url: url.to_string(), source: denied.clone() };
        }
        let timeout = |awaited, limit| Error::Timeout { url: url.to_string(), awaited, limit };
        match source {
            ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
                timeout("connection", self.timeouts.connect)
            }
            ureq::Error::Timeout(ureq::Timeout::PerRead | ureq::Timeout::PerWrite) => {
                timeout("answer", self.timeouts.idle)
            }
            ureq::Error::Timeout(_) => timeout("answer", self.timeouts.response),
            source => Error::Request { url: url.to_string(), source },
        }
    }
}

/// The value of `Authorization` for the host of `url`: a token that was given for it, or a whole
/// header, or the login in the URL itself.
fn authorization(url: &HttpUrl, secrets: &Secrets) -> Result<Option<String>, Error> {
    let host = url.host();
    if let Some(token) = secrets.field(&format!("HTTP_AUTH_TOKEN_{host}"))? {
        return Ok(Some(format!("Bearer {token}")));
    }
    if let Some(value) = secrets.field(&format!("HTTP_AUTH_HEADER_{host}"))? {
        return Ok(Some(value));
    }
    let basic = |(user, password): &(String, String)| {
        format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
    };
    Ok(url.login.as_ref().map(basic))
}

/// Where a redirect leads: only to HTTP, with or without TLS.
fn next(from: &Url, headers: &HeaderMap) -> Result<Url, Error> {
    let refused = |reason| Error::Redirect { url: from.to_string(), reason };
    let location = headers.get("location").and_then(|value| value.to_str().ok());
    from.join(location.ok_or_else(|| refused(InvalidUrl::Missing))?).map_err(refused)
}

/// Which of the known answers this one is. Some servers give entity tags and do not look at them
/// when they are asked, so the fields of a whole answer are compared too, before its body is read.
fn unchanged<'k>(response: &Response<ureq::Body>, known: &'k [Known]) -> Option<&'k Known> {
    let found = known.iter().find(|known| known.fields.match_header(response.headers()));
    match known {
        // Of one tag that was asked for, that is the one that did not change.
        [only] if response.status() == 304 => Some(only),
        _ => found,
    }
}

fn body(response: Response<ureq::Body>) -> Answer<'static> {
    let (parts, body) = response.into_parts();
    Answer::Body { headers: parts.headers, reader: Box::new(body.into_reader()) }
}
