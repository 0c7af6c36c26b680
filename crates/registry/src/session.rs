//! One question to one endpoint: log in when it is asked for, follow redirects, try again.

use std::thread;

use lapstrake_http::{InvalidUrl, Origin, Url};
use ureq::SendBody;
use ureq::http::Method;

use crate::auth::Auth;
use crate::challenge::{self, Challenge};
use crate::config::RetryPolicy;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::guard::check_redirect;
use crate::retry;
use crate::transport::{Answer, Transport};

const MAX_REDIRECTS: usize = 10;

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    /// How it is called in errors.
    pub(crate) what: &'a str,
    /// Below the registry.
    pub(crate) repository: &'a str,
    /// Below the repository.
    pub(crate) rest: &'a str,
    /// Value of `Accept`; empty for none.
    pub(crate) accept: &'a str,
    /// The first byte wanted.
    pub(crate) offset: u64,
}

/// What is wanted of a repository, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access<'a> {
    pub(crate) endpoint: &'a Endpoint,
    /// Below the registry.
    pub(crate) repository: &'a str,
    /// As in a token's scope: `pull`, `pull,push`.
    pub(crate) actions: &'a str,
}

impl Access<'_> {
    fn scope(&self) -> String {
        format!("repository:{}:{}", self.endpoint.repository(self.repository), self.actions)
    }
}

/// A request that changes something.
pub(crate) struct Order<'a> {
    /// How it is called in errors.
    pub(crate) what: &'a str,
    pub(crate) method: Method,
    pub(crate) url: &'a Url,
    pub(crate) headers: &'a [(&'a str, &'a str)],
    /// Its body from the start.
    pub(crate) body: &'a dyn Fn() -> Result<SendBody<'static>, Error>,
}

/// Asks endpoints. Can be used from many threads at once.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) transport: Transport,
    pub(crate) auth: Auth,
    pub(crate) retry: RetryPolicy,
}

impl Session {
    /// The answer of an endpoint, which is a success; tries at most `attempts` times.
    pub(crate) fn ask(
        &self,
        endpoint: &Endpoint,
        question: Question<'_>,
        attempts: u32,
    ) -> Result<Answer, Error> {
        self.repeat(attempts, || self.ask_once(endpoint, question))
    }

    /// The answer of a host that a document of the registry `from` names. It is shown no credentials.
    pub(crate) fn ask_elsewhere(
        &self,
        from: &Origin,
        url: &Url,
        question: Question<'_>,
        attempts: u32,
    ) -> Result<Answer, Error> {
        check_redirect(from, url).map_err(|reason| Error::Redirect {
            url: from.to_string(),
            to: url.to_string(),
            reason,
        })?;
        self.repeat(attempts, || check(question, self.follow(url.clone(), question, None)?, false))
    }

    /// Asks again and again while trying later may help, at most `attempts` times.
    pub(crate) fn repeat(
        &self,
        attempts: u32,
        ask: impl Fn() -> Result<Answer, Error>,
    ) -> Result<Answer, Error> {
        let mut attempt = 1;
        loop {
            let error = match ask() {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            match retry::delay(&self.retry, attempts, attempt, &error) {
                Some(delay) => thread::sleep(delay),
                None => return Err(error),
            }
            attempt = attempt.saturating_add(1);
        }
    }

    fn ask_once(&self, endpoint: &Endpoint, question: Question<'_>) -> Result<Answer, Error> {
        let url = endpoint.url(question.repository, question.rest);
        let access = Access { endpoint, repository: question.repository, actions: "pull" };
        let follow =
            |authorization: Option<&str>| self.follow(url.clone(), question, authorization);
        let (answer, logged_in) = self.authorized(access, question.what, &follow)?;
        check(question, answer, logged_in)
    }

    /// Sends a request that changes something at an endpoint, once: to the endpoint itself, or to
    /// where it said that an upload goes on, which is shown no credentials when it is elsewhere.
    /// `body` is asked for anew when the registry wants to know first who is there.
    pub(crate) fn write(&self, access: Access<'_>, order: &Order<'_>) -> Result<Answer, Error> {
        let send = |authorization: Option<&str>| {
            let authorization = authorization.map(|value| ("Authorization", value));
            let headers: Vec<(&str, &str)> =
                order.headers.iter().copied().chain(authorization).collect();
            self.transport.send(order.method.clone(), order.url, &headers, (order.body)()?)
        };
        let (answer, logged_in) = match order.url.origin == access.endpoint.origin {
            true => self.authorized(access, order.what, &send)?,
            false => (send(None)?, false),
        };
        check_status(order.what, answer, logged_in, |status| (200..300).contains(&status))
    }

    /// As [`Session::write`], again and again while trying later may help.
    pub(crate) fn write_repeatedly(
        &self,
        access: Access<'_>,
        order: &Order<'_>,
    ) -> Result<Answer, Error> {
        self.repeat(self.retry.attempts, || self.write(access, order))
    }

    /// Sends with what was granted before, and once more after logging in when that is asked for.
    /// Also tells whether the user's credentials were shown.
    fn authorized(
        &self,
        access: Access<'_>,
        what: &str,
        send: &dyn Fn(Option<&str>) -> Result<Answer, Error>,
    ) -> Result<(Answer, bool), Error> {
        let (endpoint, scope) = (access.endpoint, access.scope());
        let granted = self.auth.granted(&endpoint.origin, &scope);
        let answer = send(granted.as_deref())?;
        if answer.status != 401 || answer.url.origin != endpoint.origin {
            return Ok((answer, granted.is_some()));
        }
        // Nothing was granted yet, or it is good no longer.
        let login = self.auth.log_in(&self.transport, endpoint, &scope, &challenges(&answer));
        let login = login.map_err(|error| denied_at_realm(what, endpoint, error))?;
        match login.header {
            Some(header) => Ok((send(Some(&header))?, login.as_user)),
            None => Ok((answer, false)),
        }
    }

    /// Follows redirects. What authorizes us stays with the first host: once an answer led elsewhere
    /// it is not sent again, not even when the way leads back.
    fn follow(
        &self,
        start: Url,
        question: Question<'_>,
        authorization: Option<&str>,
    ) -> Result<Answer, Error> {
        let mut url = start.clone();
        let mut authorization = authorization;
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.send(&url, question, authorization)?;
            if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
                return Ok(answer);
            }
            url = next(&answer)?;
            if url.origin != start.origin {
                authorization = None;
            }
        }
        Err(Error::Redirects { url: start.to_string(), limit: MAX_REDIRECTS })
    }

    fn send(
        &self,
        url: &Url,
        question: Question<'_>,
        authorization: Option<&str>,
    ) -> Result<Answer, Error> {
        let range = format!("bytes={}-", question.offset);
        let headers = [
            (!question.accept.is_empty()).then_some(("Accept", question.accept)),
            (question.offset > 0).then_some(("Range", range.as_str())),
            authorization.map(|authorization| ("Authorization", authorization)),
        ];
        let headers: Vec<(&str, &str)> = headers.into_iter().flatten().collect();
        self.transport.get(url, &headers)
    }
}

/// Where an answer's `Location` leads, if we go there.
pub(crate) fn next(answer: &Answer) -> Result<Url, Error> {
    let from = || answer.url.to_string();
    let location = answer.header("location").filter(|location| !location.is_empty());
    let to = location
        .ok_or(InvalidUrl::Missing)
        .and_then(|location| answer.url.join(location))
        .map_err(|reason| Error::RedirectUrl { url: from(), reason })?;
    check_redirect(&answer.url.origin, &to).map_err(|reason| Error::Redirect {
        url: from(),
        to: to.to_string(),
        reason,
    })?;
    Ok(to)
}

fn check(question: Question<'_>, answer: Answer, logged_in: bool) -> Result<Answer, Error> {
    check_status(question.what, answer, logged_in, |status| matches!(status, 200 | 206))
}

/// An answer that is no success is an error.
fn check_status(
    what: &str,
    answer: Answer,
    logged_in: bool,
    is_success: impl Fn(u16) -> bool,
) -> Result<Answer, Error> {
    match answer.status {
        status if is_success(status) => Ok(answer),
        401 | 403 => Err(Error::Denied {
            what: what.to_owned(),
            host: answer.url.origin.to_string(),
            message: answer.into_message(),
            logged_in,
        }),
        _ => Err(answer.into_error()),
    }
}

/// A token server that gives nothing to nobody means that the image is not for everybody.
fn denied_at_realm(what: &str, endpoint: &Endpoint, error: Error) -> Error {
    match error {
        Error::Status { status: 400 | 401 | 403, message, .. } => Error::Denied {
            what: what.to_owned(),
            host: endpoint.origin.to_string(),
            message,
            logged_in: false,
        },
        other => other,
    }
}

pub(crate) fn challenges(answer: &Answer) -> Vec<Challenge> {
    let fields = answer.headers.get_all("www-authenticate").iter();
    fields.filter_map(|field| field.to_str().ok()).flat_map(challenge::parse).collect()
}
