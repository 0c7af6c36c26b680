//! Docker's `config.json`: who stores the credentials of which registry.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::credentials::Credentials;
use crate::error::Error;

/// What Docker Hub is called by whoever stores credentials.
const HUB_KEY: &str = "https://index.docker.io/v1/";
const HUB_HOSTS: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];
/// What helpers call the user of an identity token.
const TOKEN_USER: &str = "<token>";

/// The parts of a `config.json` that concern registries. Fields not known here are ignored.
#[derive(Clone, Default, Deserialize)]
pub struct DockerConfig {
    #[serde(default)]
    auths: Option<BTreeMap<String, Entry>>,
    #[serde(rename = "credsStore", default)]
    store: Option<String>,
    #[serde(rename = "credHelpers", default)]
    helpers: Option<BTreeMap<String, String>>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    #[serde(rename = "identitytoken")]
    identity_token: Option<String>,
    #[serde(rename = "registrytoken")]
    registry_token: Option<String>,
}

/// Where the credentials of a registry are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredCredentials {
    /// In the file itself.
    Here(Credentials),
    /// A program knows them: run it with the argument `get`, write `server` to its standard input and
    /// give its output to [`parse_helper_answer`].
    Helper {
        /// `docker-credential-…`, a plain file name.
        program: String,
        /// How it calls the registry.
        server: String,
    },
    /// Nowhere.
    None,
}

/// Why an entry of Docker's configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDockerConfig {
    /// `auth` is not base64 of text.
    #[error("its \"auth\" is not base64")]
    Base64,
    /// `auth` is not `user:password`.
    #[error("its \"auth\" is not user:password")]
    Colon,
    /// A part of the file is no JSON object.
    #[error("{0} is not a JSON object")]
    Object(&'static str),
    /// A helper whose name is a path or worse.
    #[error("the name of its credential helper {0:?} is not a plain file name")]
    HelperName(String),
}

impl DockerConfig {
    /// Reads a `config.json`.
    ///
    /// # Errors
    /// When it is no JSON or its fields have other types.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(bytes).map_err(|source| Error::DockerConfig { source })
    }

    /// Where the credentials of `registry` (`docker.io`, `localhost:5000`) are: with its own helper,
    /// with the common one, in the file; in this order, as Docker looks.
    ///
    /// # Errors
    /// When an entry of the file cannot be read, or a helper's name is no plain file name.
    pub fn find(&self, registry: &str) -> Result<StoredCredentials, Error> {
        let wrong = |reason| Error::Stored { registry: registry.to_owned(), reason };
        if let Some(helper) = self.helper(registry)? {
            return Ok(helper);
        }
        match self.auths.as_ref().and_then(|auths| lookup(auths, registry)) {
            Some((_, entry)) => entry.credentials().map_err(wrong),
            None => Ok(StoredCredentials::None),
        }
    }

    /// The program that is to keep the credentials of `registry`; `None` when the file is.
    ///
    /// # Errors
    /// When its name is no plain file name.
    pub fn helper(&self, registry: &str) -> Result<Option<StoredCredentials>, Error> {
        let own = self.helpers.as_ref().and_then(|helpers| lookup(helpers, registry));
        let common = self.store.as_ref().filter(|store| !store.is_empty());
        let found = match (own, common) {
            (Some((server, name)), _) => helper(name, server),
            (None, Some(name)) => helper(name, server_key(registry)),
            (None, None) => return Ok(None),
        };
        let registry = || registry.to_owned();
        found.map(Some).map_err(|reason| Error::Stored { registry: registry(), reason })
    }
}

/// What a helper program is given to store credentials: the counterpart of [`parse_helper_answer`].
pub fn helper_order(server: &str, credentials: &Credentials) -> Vec<u8> {
    let (username, secret) = match credentials {
        Credentials::Basic { username, password } => (username.as_str(), password),
        Credentials::IdentityToken(token) | Credentials::RegistryToken(token) => {
            (TOKEN_USER, token)
        }
    };
    let order = serde_json::json!({"ServerURL": server, "Username": username, "Secret": secret});
    order.to_string().into_bytes()
}

/// Reads what a helper program wrote: `{"ServerURL":…,"Username":…,"Secret":…}`. `None` when it
/// knows an empty user and secret.
///
/// # Errors
/// When it is not that.
pub fn parse_helper_answer(bytes: &[u8]) -> Result<Option<Credentials>, Error> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(rename = "Username", default)]
        username: String,
        #[serde(rename = "Secret", default)]
        secret: String,
    }
    let answer: Answer =
        serde_json::from_slice(bytes).map_err(|source| Error::HelperAnswer { source })?;
    Ok(match (answer.username, answer.secret) {
        (username, secret) if username.is_empty() && secret.is_empty() => None,
        (username, secret) if username == TOKEN_USER => Some(Credentials::IdentityToken(secret)),
        (username, password) => Some(Credentials::Basic { username, password }),
    })
}

impl Entry {
    fn credentials(&self) -> Result<StoredCredentials, InvalidDockerConfig> {
        let given = |field: &Option<String>| field.clone().filter(|value| !value.is_empty());
        if let Some(token) = given(&self.registry_token) {
            return Ok(StoredCredentials::Here(Credentials::RegistryToken(token)));
        }
        if let Some(token) = given(&self.identity_token) {
            return Ok(StoredCredentials::Here(Credentials::IdentityToken(token)));
        }
        let (username, password) = match (given(&self.auth), given(&self.username)) {
            (Some(auth), _) => decode(&auth)?,
            (None, Some(username)) => (username, given(&self.password).unwrap_or_default()),
            (None, None) => return Ok(StoredCredentials::None),
        };
        Ok(StoredCredentials::Here(Credentials::Basic { username, password }))
    }
}

fn decode(auth: &str) -> Result<(String, String), InvalidDockerConfig> {
    let bytes = STANDARD.decode(auth.trim()).map_err(|_| InvalidDockerConfig::Base64)?;
    let text = String::from_utf8(bytes).map_err(|_| InvalidDockerConfig::Base64)?;
    let (username, password) = text.split_once(':').ok_or(InvalidDockerConfig::Colon)?;
    Ok((username.to_owned(), password.trim_end_matches('\0').to_owned()))
}

fn helper(name: &str, server: &str) -> Result<StoredCredentials, InvalidDockerConfig> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if name.is_empty() || !name.bytes().all(is_plain) {
        return Err(InvalidDockerConfig::HelperName(name.chars().take(100).collect()));
    }
    let program = format!("docker-credential-{name}");
    Ok(StoredCredentials::Helper { program, server: server.to_owned() })
}

/// The entry of a registry: by its name, else by a URL whose host it is.
fn lookup<'a, T>(entries: &'a BTreeMap<String, T>, registry: &str) -> Option<(&'a str, &'a T)> {
    let wanted = server_key(registry);
    let exact = entries.get_key_value(wanted).or_else(|| entries.get_key_value(registry));
    let found = exact.or_else(|| entries.iter().find(|(key, _)| server_key(host(key)) == wanted));
    found.map(|(key, entry)| (key.as_str(), entry))
}

/// How a registry is called by whoever stores its credentials.
pub(crate) fn server_key(registry: &str) -> &str {
    if HUB_HOSTS.contains(&registry) { HUB_KEY } else { registry }
}

/// `https://localhost:5000/v2/` → `localhost:5000`.
pub(crate) fn host(key: &str) -> &str {
    let rest = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    rest.split_once('/').map_or(rest, |(host, _)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &[u8] = br#"{
        "auths": {
            "https://index.docker.io/v1/": {"auth": "bWU6c2VjOnJldA=="},
            "http://localhost:5000/v2/": {"username": "u", "password": "p"},
            "ghcr.io": {"auth": "", "identitytoken": "refresh"},
            "quay.io": {"registrytoken": "bearer"},
            "broken.io": {"auth": "!"},
            "empty.io": {}
        },
        "credHelpers": {"gcr.io": "gcloud", "evil.io": "../../bin/x"},
        "HttpHeaders": {"a": "b"}
    }"#;

    fn basic(username: &str, password: &str) -> StoredCredentials {
        let (username, password) = (username.to_owned(), password.to_owned());
        StoredCredentials::Here(Credentials::Basic { username, password })
    }

    #[test]
    fn finds_what_docker_login_stored() {
        let config = DockerConfig::parse(CONFIG).unwrap();
        assert_eq!(config.find("docker.io").unwrap(), basic("me", "sec:ret"));
        assert_eq!(config.find("localhost:5000").unwrap(), basic("u", "p"));
        let token = Credentials::IdentityToken("refresh".to_owned());
        assert_eq!(config.find("ghcr.io").unwrap(), StoredCredentials::Here(token));
        let token = Credentials::RegistryToken("bearer".to_owned());
        assert_eq!(config.find("quay.io").unwrap(), StoredCredentials::Here(token));
        assert_eq!(config.find("empty.io").unwrap(), StoredCredentials::None);
        assert_eq!(config.find("localhost").unwrap(), StoredCredentials::None);
        assert!(config.find("broken.io").unwrap_err().to_string().contains("broken.io"));
    }

    #[test]
    fn names_helpers() {
        let config = DockerConfig::parse(CONFIG).unwrap();
        let helper = |program: &str, server: &str| StoredCredentials::Helper {
            program: program.to_owned(),
            server: server.to_owned(),
        };
        assert_eq!(config.find("gcr.io").unwrap(), helper("docker-credential-gcloud", "gcr.io"));
        assert!(config.find("evil.io").is_err());
        let common = DockerConfig::parse(br#"{"auths":{"a.io":{}},"credsStore":"pass"}"#).unwrap();
        assert_eq!(common.find("docker.io").unwrap(), helper("docker-credential-pass", HUB_KEY));
        assert_eq!(common.find("a.io").unwrap(), helper("docker-credential-pass", "a.io"));
    }

    #[test]
    fn reads_helper_answers() {
        let answer = br#"{"ServerURL":"a","Username":"u","Secret":"s"}"#;
        let StoredCredentials::Here(expected) = basic("u", "s") else { panic!() };
        assert_eq!(parse_helper_answer(answer).unwrap(), Some(expected));
        let token = parse_helper_answer(br#"{"Username":"<token>","Secret":"s"}"#).unwrap();
        assert_eq!(token, Some(Credentials::IdentityToken("s".to_owned())));
        assert_eq!(parse_helper_answer(b"{}").unwrap(), None);
        assert!(parse_helper_answer(b"credentials not found").is_err());
    }
}
