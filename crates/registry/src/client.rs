//! The client: which endpoints a registry has, and asking them in turn.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::auth::{Auth, lock};
use crate::config::ClientConfig;
use crate::endpoint::{Endpoint, Rules};
use crate::error::{Error, Failure};
use crate::session::Session;
use crate::transport::Transport;
use crate::turn::Turns;

/// Asks registries. Cheap to clone and made to be used from many threads at once: connections,
/// tokens and credentials are shared.
///
/// Every question goes to the mirrors of a registry in order and then to the registry itself, until
/// one answers well. When none does, the error names all of them.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) session: Session,
    rules: Rules,
    pub(crate) turns: Arc<Turns>,
    /// Of the registries that were asked for.
    endpoints: Mutex<BTreeMap<String, Vec<Endpoint>>>,
}

impl Client {
    /// A client with these settings. Connects to nothing yet.
    ///
    /// # Errors
    /// When a registry, mirror or proxy of the settings is invalid.
    pub fn new(config: ClientConfig) -> Result<Self, Error> {
        let transport = Transport::new(&config)?;
        let rules = Rules { registries: config.registries, certificates: config.certificates };
        for name in rules.registries.keys() {
            Endpoint::all(name, &rules)?;
        }
        let session =
            Session { transport, auth: Auth::new(config.credentials), retry: config.retry };
        let (turns, endpoints) = Default::default();
        Ok(Self { inner: Arc::new(Inner { session, rules, turns, endpoints }) })
    }
}

impl Inner {
    /// Where a registry can be asked, in order.
    pub(crate) fn endpoints(&self, registry: &str) -> Result<Vec<Endpoint>, Error> {
        if let Some(endpoints) = lock(&self.endpoints).get(registry) {
            return Ok(endpoints.clone());
        }
        let endpoints = Endpoint::all(registry, &self.rules)?;
        let endpoints: Vec<Endpoint> =
            endpoints.into_iter().map(|endpoint| self.settled(endpoint)).collect();
        lock(&self.endpoints).insert(registry.to_owned(), endpoints.clone());
        Ok(endpoints)
    }

    /// Tries out whether an insecure registry speaks TLS, as Docker does.
    fn settled(&self, endpoint: Endpoint) -> Endpoint {
        let Some(tls) = endpoint.rather.clone() else { return endpoint };
        match self.session.transport.get_unverified(&tls) {
            Ok(_) => endpoint.moved_to(tls),
            Err(_) => endpoint,
        }
    }

    /// The registry without its mirrors.
    pub(crate) fn itself(&self, registry: &str) -> Result<Endpoint, Error> {
        match self.endpoints(registry)?.pop() {
            Some(endpoint) => Ok(endpoint),
            None => Endpoint::registry(registry, &self.rules),
        }
    }

    /// The first good answer. `ask` gets an endpoint and how often it may be tried.
    pub(crate) fn first<T>(
        &self,
        registry: &str,
        what: &str,
        mut ask: impl FnMut(&Endpoint, u32) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let endpoints = self.endpoints(registry)?;
        let mut failures = Vec::new();
        for (position, endpoint) in endpoints.iter().enumerate() {
            let is_last = position.saturating_add(1) == endpoints.len();
            match ask(endpoint, self.attempts(is_last)) {
                Ok(answer) => return Ok(answer),
                Err(error) => {
                    failures.push(Failure { endpoint: endpoint.origin.to_string(), error })
                }
            }
        }
        Err(summary(what, failures))
    }

    /// Another endpoint is there to be asked instead of waiting.
    pub(crate) fn attempts(&self, is_last: bool) -> u32 {
        if is_last { self.session.retry.attempts } else { 1 }
    }
}

/// One error for what all endpoints said. The last one, the registry itself, decides what it is.
pub(crate) fn summary(what: &str, mut failures: Vec<Failure>) -> Error {
    let what = what.to_owned();
    let is_alone = failures.len() == 1;
    match failures.pop() {
        Some(last) if is_missing(&last.error) => {
            let mut endpoints: Vec<String> = failures.iter().map(missing_or_failed).collect();
            endpoints.push(last.endpoint);
            Error::NotFound { what, endpoints }
        }
        Some(Failure { error: error @ Error::Denied { .. }, .. }) if is_alone => error,
        Some(Failure { endpoint, error }) if is_alone => {
            Error::Fetch { what, endpoint, source: Box::new(error) }
        }
        last => {
            failures.extend(last);
            Error::FetchAnywhere { what, failures }
        }
    }
}

fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Status { status: 404, .. })
}

fn missing_or_failed(failure: &Failure) -> String {
    if is_missing(&failure.error) {
        return failure.endpoint.clone();
    }
    format!("{} ({})", failure.endpoint, crate::error::with_causes(&failure.error))
}
