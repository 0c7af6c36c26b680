//! Changing what Docker's `config.json` says of one registry.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize as _;
use serde_json::{Map, Value, json};

use crate::credentials::Credentials;
use crate::docker_config::{InvalidDockerConfig, host, server_key};
use crate::error::Error;

const AUTHS: &str = "auths";
/// What an entry says of who the user is; its other fields are kept.
const SECRETS: [&str; 5] = ["auth", "username", "password", "identitytoken", "registrytoken"];

/// A whole `config.json`. What is not known here is kept.
#[derive(Clone)]
pub struct DockerConfigEdit(Map<String, Value>);

impl DockerConfigEdit {
    /// Reads a `config.json`; no bytes at all are an empty one.
    ///
    /// # Errors
    /// When it is no JSON object.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(Map::new()));
        }
        serde_json::from_slice(bytes).map(Self).map_err(|source| Error::DockerConfig { source })
    }

    /// Notes the credentials of `registry`, or with `None` only that a helper program has them. What
    /// was noted of it before is gone, whatever its spelling.
    ///
    /// # Errors
    /// When a part of the file that has to be an object is none.
    pub fn insert(
        &mut self,
        registry: &str,
        credentials: Option<&Credentials>,
    ) -> Result<(), Error> {
        let before = self.take(registry)?;
        let mut entry = match before {
            Some(Value::Object(entry)) => entry,
            _ => Map::new(),
        };
        for field in SECRETS {
            entry.remove(field);
        }
        if let Some(credentials) = credentials {
            let (field, value) = field(credentials);
            entry.insert(field.to_owned(), value.into());
        }
        self.auths(registry)?.insert(server_key(registry).to_owned(), entry.into());
        Ok(())
    }

    /// Forgets `registry`. Returns whether it was known.
    ///
    /// # Errors
    /// As [`DockerConfigEdit::insert`].
    pub fn remove(&mut self, registry: &str) -> Result<bool, Error> {
        Ok(self.take(registry)?.is_some())
    }

    /// The file as Docker writes it, indented with tabs.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let formatter = serde_json::ser::PrettyFormatter::with_indent(b"\t");
        let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
        // JSON values become JSON, and memory takes all bytes.
        let _ = self.0.serialize(&mut serializer);
        bytes.push(b'\n');
        bytes
    }

    /// Takes all entries of a registry out and returns the last.
    fn take(&mut self, registry: &str) -> Result<Option<Value>, Error> {
        let wanted = server_key(registry);
        let auths = self.auths(registry)?;
        let is_wanted = |key: &&String| *key == wanted || server_key(host(key)) == wanted;
        let keys: Vec<String> = auths.keys().filter(is_wanted).cloned().collect();
        Ok(keys.iter().filter_map(|key| auths.remove(key)).last())
    }

    fn auths(&mut self, registry: &str) -> Result<&mut Map<String, Value>, Error> {
        let auths = self.0.entry(AUTHS).or_insert_with(|| json!({}));
        if auths.is_null() {
            *auths = json!({});
        }
        let reason = InvalidDockerConfig::Object("its \"auths\"");
        auths.as_object_mut().ok_or(Error::Stored { registry: registry.to_owned(), reason })
    }
}

fn field(credentials: &Credentials) -> (&'static str, String) {
    match credentials {
        Credentials::Basic { username, password } => {
            ("auth", STANDARD.encode(format!("{username}:{password}")))
        }
        Credentials::IdentityToken(token) => ("identitytoken", token.clone()),
        Credentials::RegistryToken(token) => ("registrytoken", token.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker_config::{DockerConfig, StoredCredentials};

    fn basic() -> Credentials {
        Credentials::Basic { username: "me".to_owned(), password: "sec:ret".to_owned() }
    }

    fn edited(text: &str, edit: impl Fn(&mut DockerConfigEdit)) -> Value {
        let mut config = DockerConfigEdit::parse(text.as_bytes()).unwrap();
        edit(&mut config);
        serde_json::from_slice(&config.to_bytes()).unwrap()
    }

    /// As Docker does: the key of Docker Hub, tabs, `auth` in base64.
    #[test]
    fn a_login_is_noted_as_docker_notes_it() {
        let insert = |config: &mut DockerConfigEdit| config.insert("a.io", Some(&basic())).unwrap();
        assert_eq!(edited("", insert), json!({"auths": {"a.io": {"auth": "bWU6c2VjOnJldA=="}}}));
        let mut hub = DockerConfigEdit::parse(b"").unwrap();
        hub.insert("docker.io", Some(&basic())).unwrap();
        assert_eq!(
            String::from_utf8(hub.to_bytes()).unwrap(),
            "{\n\t\"auths\": {\n\t\t\"https://index.docker.io/v1/\": {\n\t\t\t\"auth\": \
             \"bWU6c2VjOnJldA==\"\n\t\t}\n\t}\n}\n"
        );
        let config = DockerConfig::parse(&hub.to_bytes()).unwrap();
        assert_eq!(config.find("docker.io").unwrap(), StoredCredentials::Here(basic()));
    }

    #[test]
    fn what_is_not_known_is_kept() {
        let text = r#"{"auths":{"http://a.io/v2/":{"auth":"eDp5","email":"m@a"},"b.io":{"auth":"eDp5"}},
            "HttpHeaders":{"x":"y"},"credHelpers":{"gcr.io":"gcloud"},"n":1.50}"#;
        let token = Credentials::IdentityToken("t".to_owned());
        assert_eq!(
            edited(text, |config| config.insert("a.io", Some(&token)).unwrap()),
            json!({"auths": {"a.io": {"identitytoken": "t", "email": "m@a"}, "b.io": {"auth": "eDp5"}},
                   "HttpHeaders": {"x": "y"}, "credHelpers": {"gcr.io": "gcloud"}, "n": 1.5})
        );
        let removed = edited(text, |config| assert!(config.remove("a.io").unwrap()));
        assert_eq!(removed["auths"], json!({"b.io": {"auth": "eDp5"}}));
        let same = edited(text, |config| assert!(!config.remove("c.io").unwrap()));
        assert_eq!(same, serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn what_is_no_config_is_refused() {
        assert!(DockerConfigEdit::parse(b"[]").is_err());
        let mut config = DockerConfigEdit::parse(br#"{"auths":[]}"#).unwrap();
        let error = config.insert("a.io", None).unwrap_err();
        assert!(error.to_string().contains("\"auths\" is not a JSON object"), "{error}");
        let mut config = DockerConfigEdit::parse(br#"{"auths":null}"#).unwrap();
        config.insert("a.io", None).unwrap();
    }
}
