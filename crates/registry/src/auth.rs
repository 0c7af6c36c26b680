//! Logging in: from a challenge to an `Authorization` header that is bound to scheme, host, port and
//! scope.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lapstrake_http::{InvalidUrl, Origin, Url, encode};
use serde::Deserialize;

use crate::challenge::Challenge;
use crate::credentials::{CredentialSource, Credentials};
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::guard::check_realm;
use crate::transport::{Answer, Transport};

const CLIENT_ID: &str = "lapstrake";
const MAX_TOKEN_ANSWER: usize = 1024 * 1024;
/// How long a token lives that does not say so (distribution, token specification).
const DEFAULT_LIFE: u64 = 60;
const LONGEST_LIFE: u64 = 24 * 60 * 60;

/// Remembers who may do what where.
pub(crate) struct Auth {
    source: CredentialSource,
    found: Mutex<HashMap<String, Option<Credentials>>>,
    granted: Mutex<HashMap<(Origin, String), Granted>>,
}

pub(crate) struct Granted {
    /// The value of `Authorization`.
    pub(crate) header: String,
    until: Option<Instant>,
    /// What the token server wants to be shown instead of a password from now on.
    pub(crate) identity: Option<String>,
}

/// What logging in led to.
pub(crate) struct Login {
    /// The value of `Authorization`; `None` when there is nothing to show.
    pub(crate) header: Option<String>,
    /// The user's credentials were used for it.
    pub(crate) as_user: bool,
}

impl Auth {
    pub(crate) fn new(source: CredentialSource) -> Self {
        Self { source, found: Mutex::default(), granted: Mutex::default() }
    }

    /// The header that was granted before and should still be good.
    pub(crate) fn granted(&self, origin: &Origin, scope: &str) -> Option<String> {
        let granted = lock(&self.granted);
        let found = granted.get(&(origin.clone(), scope.to_owned()))?;
        let is_good = found.until.is_none_or(|until| Instant::now() < until);
        is_good.then(|| found.header.clone())
    }

    /// Does what the registry asks for. The result is remembered for its origin and `scope` only.
    pub(crate) fn log_in(
        &self,
        transport: &Transport,
        endpoint: &Endpoint,
        scope: &str,
        challenges: &[Challenge],
    ) -> Result<Login, Error> {
        let credentials = self.credentials(&endpoint.credentials_of)?;
        let as_user = credentials.is_some();
        let exchange = Exchange { transport, endpoint, credentials, for_storing: false };
        let granted = exchange.grant(challenges, scope)?;
        let header = granted.as_ref().map(|granted| granted.header.clone());
        if let Some(granted) = granted {
            lock(&self.granted).insert((endpoint.origin.clone(), scope.to_owned()), granted);
        }
        Ok(Login { header, as_user })
    }

    /// Asks the source once for each registry.
    fn credentials(&self, registry: &str) -> Result<Option<Credentials>, Error> {
        if let Some(found) = lock(&self.found).get(registry) {
            return Ok(found.clone());
        }
        let found = self
            .source
            .find(registry)
            .map_err(|source| Error::Credentials { registry: registry.to_owned(), source })?;
        lock(&self.found).insert(registry.to_owned(), found.clone());
        Ok(found)
    }
}

/// Credentials against a token, at the realm of one endpoint.
pub(crate) struct Exchange<'a> {
    pub(crate) transport: &'a Transport,
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) credentials: Option<Credentials>,
    /// The token server is asked for something that can be stored in the place of the password.
    pub(crate) for_storing: bool,
}

impl Exchange<'_> {
    /// Does what one of the challenges asks for. `None` when there is nothing to show. Without a
    /// scope the token says only who its bearer is.
    pub(crate) fn grant(
        mut self,
        challenges: &[Challenge],
        scope: &str,
    ) -> Result<Option<Granted>, Error> {
        let with = |scheme: &str| challenges.iter().find(|challenge| challenge.scheme == scheme);
        let (bearer, basic) = (with("bearer"), with("basic"));
        if bearer.is_none() && basic.is_none() {
            return Err(Error::Challenge { host: self.endpoint.origin.to_string() });
        }
        match (bearer, self.credentials.take()) {
            (Some(_), Some(Credentials::RegistryToken(token))) => {
                Ok(Some(forever(format!("Bearer {token}"))))
            }
            (Some(bearer), credentials) => {
                self.credentials = credentials;
                self.token(bearer, scope).map(Some)
            }
            (None, Some(Credentials::Basic { username, password })) => {
                Ok(Some(forever(basic_header(&username, &password))))
            }
            (None, _) => Ok(None),
        }
    }

    fn token(&self, bearer: &Challenge, scope: &str) -> Result<Granted, Error> {
        let realm = self.realm(bearer)?;
        let service = bearer.parameter("service").unwrap_or_default();
        // What the registry asks for can be called otherwise than the repository is.
        let scope = bearer.parameter("scope").filter(|scope| !scope.is_empty()).unwrap_or(scope);
        let answer = match &self.credentials {
            Some(Credentials::IdentityToken(token)) => self.refresh(&realm, service, scope, token),
            Some(Credentials::Basic { username, password }) => {
                let header = basic_header(username, password);
                let mut url = query(realm.clone(), service, scope).with_query("account", username);
                if self.for_storing {
                    url =
                        url.with_query("client_id", CLIENT_ID).with_query("offline_token", "true");
                }
                self.transport.get(&url, &[("Authorization", &header)])
            }
            _ => self.transport.get(&query(realm.clone(), service, scope), &[]),
        }?;
        self.read(&realm, answer)
    }

    /// The token server, checked: it gets the credentials.
    fn realm(&self, bearer: &Challenge) -> Result<Url, Error> {
        let host = || self.endpoint.origin.to_string();
        let text = bearer.parameter("realm").unwrap_or_default();
        let invalid = |reason| {
            let realm = text.chars().take(200).collect();
            Error::RealmUrl { host: host(), realm, reason }
        };
        if text.is_empty() {
            return Err(invalid(InvalidUrl::Missing));
        }
        let realm = Url::parse(text).map_err(invalid)?;
        check_realm(&self.endpoint.origin, &realm).map_err(|reason| Error::Realm {
            host: host(),
            realm: realm.to_string(),
            reason,
        })?;
        Ok(realm)
    }

    /// OAuth2 (distribution, oauth specification).
    fn refresh(
        &self,
        realm: &Url,
        service: &str,
        scope: &str,
        token: &str,
    ) -> Result<Answer, Error> {
        let fields = [
            ("grant_type", "refresh_token"),
            ("client_id", CLIENT_ID),
            ("service", service),
            ("scope", scope),
            ("refresh_token", token),
        ];
        let given = fields.iter().filter(|(_, value)| !value.is_empty());
        let form: Vec<String> =
            given.map(|(name, value)| format!("{name}={}", encode(value))).collect();
        self.transport.post(realm, &form.join("&"))
    }

    fn read(&self, realm: &Url, answer: Answer) -> Result<Granted, Error> {
        let realm = realm.to_string();
        match answer.status {
            200 => {}
            400 | 401 | 403 if self.credentials.is_some() => {
                let registry = self.endpoint.credentials_of.clone();
                return Err(Error::Login { registry, realm, message: answer.into_message() });
            }
            _ => return Err(answer.into_error()),
        }
        let bytes = self.transport.read(answer, "a token", MAX_TOKEN_ANSWER)?;
        let answer: TokenAnswer = serde_json::from_slice(&bytes)
            .map_err(|source| Error::TokenAnswer { realm: realm.clone(), source })?;
        let mut tokens = [answer.token, answer.access_token].into_iter().flatten();
        let token = tokens.find(|token| !token.is_empty()).ok_or(Error::NoToken { realm })?;
        let life = answer.expires_in.unwrap_or(DEFAULT_LIFE).clamp(DEFAULT_LIFE, LONGEST_LIFE);
        // A little earlier than it ends, so that it does not end on its way.
        let life = Duration::from_secs(life).saturating_sub(Duration::from_secs(10));
        let identity = answer.refresh_token.filter(|token| !token.is_empty());
        let until = Instant::now().checked_add(life);
        Ok(Granted { header: format!("Bearer {token}"), until, identity })
    }
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
    refresh_token: Option<String>,
}

/// Several scopes, with spaces between, are asked for one by one, as every token server knows that.
fn query(realm: Url, service: &str, scope: &str) -> Url {
    let scopes = scope.split(' ').map(|scope| ("scope", scope));
    let given = [("service", service)].into_iter().chain(scopes);
    let given = given.filter(|(_, value)| !value.is_empty());
    given.fold(realm, |url, (key, value)| url.with_query(key, value))
}

fn basic_header(username: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{username}:{password}")))
}

fn forever(header: String) -> Granted {
    Granted { header, until: None, identity: None }
}

/// The value of a mutex.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is kept is whole after every step, also when a thread panicked between two.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Auth {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Auth(…)")
    }
}
