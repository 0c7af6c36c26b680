//! Whether a registry takes credentials, before anybody stores them.

use lapstrake_http::Url;

use crate::auth::Exchange;
use crate::client::Client;
use crate::credentials::Credentials;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::session::challenges;
use crate::transport::Answer;

impl Client {
    /// Shows `credentials` to a registry (`docker.io`, `localhost:5000`) itself, never to its mirrors.
    /// Returns what is to be stored: the same, or the identity token that the token server gives for
    /// a password. A registry that asks nobody takes all.
    ///
    /// # Errors
    /// When the registry refuses them ([`Error::Refused`]) or cannot be asked.
    pub fn log_in(&self, registry: &str, credentials: Credentials) -> Result<Credentials, Error> {
        let session = &self.inner.session;
        let endpoint = self.inner.itself(registry)?;
        let url = endpoint.base();
        let ask = || passable(session.transport.get(&url, &[])?);
        let answer = session.repeat(session.retry.attempts, ask)?;
        if answer.status != 401 {
            return Ok(credentials);
        }
        let exchange = Exchange {
            transport: &session.transport,
            endpoint: &endpoint,
            credentials: Some(credentials.clone()),
            for_storing: true,
        };
        let granted = exchange.grant(&challenges(&answer), "");
        let granted = granted.map_err(|error| refused_by_token_server(registry, error))?;
        let Some(granted) = granted else {
            let message = "it takes a user name and a password only".to_owned();
            return Err(Error::Refused { registry: registry.to_owned(), message });
        };
        self.check(&endpoint, &url, &granted.header)?;
        Ok(granted.identity.map_or(credentials, Credentials::IdentityToken))
    }

    fn check(&self, endpoint: &Endpoint, url: &Url, header: &str) -> Result<(), Error> {
        let session = &self.inner.session;
        let ask = || passable(session.transport.get(url, &[("Authorization", header)])?);
        let answer = session.repeat(session.retry.attempts, ask)?;
        match answer.status {
            401 => {
                let registry = endpoint.credentials_of.clone();
                Err(Error::Refused { registry, message: answer.into_message() })
            }
            _ => Ok(()),
        }
    }
}

/// An answer that says whether somebody is let in.
fn passable(answer: Answer) -> Result<Answer, Error> {
    if matches!(answer.status, 200 | 401) { Ok(answer) } else { Err(answer.into_error()) }
}

fn refused_by_token_server(registry: &str, error: Error) -> Error {
    match error {
        Error::Login { message, .. } => Error::Refused { registry: registry.to_owned(), message },
        other => other,
    }
}
