//! The places where an image may be had: mirrors, then the registry itself.

use std::collections::BTreeMap;

use lapstrake_http::{InvalidUrl, Origin, Url, is_loopback};

use crate::config::RegistryConfig;
use crate::error::Error;

/// What docker.io is called on the network.
const HUB_HOST: &str = "registry-1.docker.io";

type Registries = BTreeMap<String, RegistryConfig>;

/// A host that speaks the distribution protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) origin: Origin,
    /// Put before the repository; empty or with a slash at its end.
    prefix: String,
    /// What its credentials are stored under.
    pub(crate) credentials_of: String,
}

impl Endpoint {
    /// The registry itself, as it is called in names.
    pub(crate) fn registry(name: &str, config: Option<&RegistryConfig>) -> Result<Self, Error> {
        let host = if name == "docker.io" { HUB_HOST } else { name };
        let origin = origin(host, config).map_err(|reason| invalid(name, reason))?;
        Ok(Self { origin, prefix: String::new(), credentials_of: name.to_owned() })
    }

    /// A mirror as it is configured.
    fn mirror(text: &str, registries: &Registries) -> Result<Self, Error> {
        let read = || {
            if text.contains("://") {
                return Url::parse(text);
            }
            let (host, path) = text.split_once('/').unwrap_or((text, ""));
            let origin = origin(host, registries.get(host))?;
            Ok(Url { origin, path: format!("/{path}") })
        };
        let url = read().map_err(|reason| invalid(text, reason))?;
        if url.path.contains('?') {
            return Err(invalid(text, InvalidUrl::Query));
        }
        let path = url.path.trim_matches('/');
        let path = path
            .strip_prefix("v2")
            .filter(|rest| rest.is_empty() || rest.starts_with('/'))
            .unwrap_or(path)
            .trim_matches('/');
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        let credentials_of = credentials_key(&url.origin);
        Ok(Self { origin: url.origin, prefix, credentials_of })
    }

    /// All endpoints of a registry in the order in which they are asked.
    pub(crate) fn all(name: &str, registries: &Registries) -> Result<Vec<Self>, Error> {
        let config = registries.get(name);
        let mut endpoints = Vec::new();
        for mirror in config.iter().flat_map(|config| &config.mirrors) {
            endpoints.push(Self::mirror(mirror, registries)?);
        }
        endpoints.push(Self::registry(name, config)?);
        Ok(endpoints)
    }

    /// The repository as it is called here.
    pub(crate) fn repository(&self, repository: &str) -> String {
        format!("{}{repository}", self.prefix)
    }

    /// Where the registry says whether it speaks the protocol, and with whom.
    pub(crate) fn base(&self) -> Url {
        Url { origin: self.origin.clone(), path: "/v2/".to_owned() }
    }

    /// The URL of `rest` (`manifests/latest`) in a repository.
    pub(crate) fn url(&self, repository: &str, rest: &str) -> Url {
        let path = format!("/v2/{}/{rest}", self.repository(repository));
        Url { origin: self.origin.clone(), path }
    }
}

/// TLS, but for hosts marked as insecure, and for this machine unless there are certificates for it.
fn origin(host: &str, config: Option<&RegistryConfig>) -> Result<Origin, InvalidUrl> {
    let tls = Origin::parse(true, host)?;
    let is_insecure = config.is_some_and(|config| config.insecure);
    let has_certificates = config.is_some_and(|config| !config.certificates.is_empty());
    let is_plain = is_insecure || (is_loopback(&tls.host) && !has_certificates);
    if is_plain { Origin::parse(false, host) } else { Ok(tls) }
}

fn credentials_key(origin: &Origin) -> String {
    if origin.host == HUB_HOST {
        return "docker.io".to_owned();
    }
    let shown = origin.to_string();
    shown.split_once("://").map_or(shown.clone(), |(_, host)| host.to_owned())
}

fn invalid(text: &str, reason: InvalidUrl) -> Error {
    Error::Endpoint { text: text.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(name: &str, config: &RegistryConfig) -> Vec<String> {
        let endpoints = Endpoint::all(name, &[(name.to_owned(), config.clone())].into()).unwrap();
        endpoints.iter().map(|endpoint| endpoint.url("a/b", "tags/list").to_string()).collect()
    }

    #[test]
    fn plain_http_only_where_it_is_allowed() {
        let secure = RegistryConfig::default();
        let insecure = RegistryConfig { insecure: true, ..RegistryConfig::default() };
        let own = RegistryConfig { certificates: vec![String::new()], ..RegistryConfig::default() };
        for (name, config, expected) in [
            ("localhost:5000", &own, "https://localhost:5000/v2/a/b/tags/list"),
            ("docker.io", &secure, "https://registry-1.docker.io/v2/a/b/tags/list"),
            ("quay.io:8443", &secure, "https://quay.io:8443/v2/a/b/tags/list"),
            ("quay.io", &insecure, "http://quay.io/v2/a/b/tags/list"),
            ("localhost:5000", &secure, "http://localhost:5000/v2/a/b/tags/list"),
            ("127.9.9.9:5000", &secure, "http://127.9.9.9:5000/v2/a/b/tags/list"),
            ("[::1]:5000", &secure, "http://[::1]:5000/v2/a/b/tags/list"),
            ("localhost.evil.com", &secure, "https://localhost.evil.com/v2/a/b/tags/list"),
            ("10.0.0.1:5000", &secure, "https://10.0.0.1:5000/v2/a/b/tags/list"),
        ] {
            assert_eq!(urls(name, config), [expected]);
        }
    }

    #[test]
    fn mirrors_come_first() {
        let mirrors =
            ["http://m.example:5000", "https://h.example/hub/", "m2.example", "https://x/v2/p"];
        let config = RegistryConfig {
            mirrors: mirrors.map(str::to_owned).to_vec(),
            ..RegistryConfig::default()
        };
        assert_eq!(
            urls("docker.io", &config),
            [
                "http://m.example:5000/v2/a/b/tags/list",
                "https://h.example/v2/hub/a/b/tags/list",
                "https://m2.example/v2/a/b/tags/list",
                "https://x/v2/p/a/b/tags/list",
                "https://registry-1.docker.io/v2/a/b/tags/list",
            ]
        );
    }

    #[test]
    fn refuses_mirrors_that_are_none() {
        for mirror in ["ftp://x", "https://u:p@x", "", "https://x/?a=b"] {
            let mirrors = vec![mirror.to_owned()];
            let config = RegistryConfig { mirrors, ..RegistryConfig::default() };
            let registries = [("docker.io".to_owned(), config)].into();
            assert!(Endpoint::all("docker.io", &registries).is_err(), "{mirror}");
        }
    }
}
