//! The places where an image may be had: mirrors, then the registry itself.

use std::collections::BTreeMap;

use lapstrake_http::{InvalidUrl, Origin, Url, is_loopback};

use crate::certificates::CertificateSource;
use crate::config::RegistryConfig;
use crate::error::Error;

/// What docker.io is called on the network.
const HUB_HOST: &str = "registry-1.docker.io";

/// What decides how hosts are reached.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) registries: BTreeMap<String, RegistryConfig>,
    pub(crate) certificates: CertificateSource,
}

/// A host that speaks the distribution protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) origin: Origin,
    /// Where it may speak TLS instead: whether it does has to be tried out.
    pub(crate) rather: Option<Origin>,
    /// Put before the repository; empty or with a slash at its end.
    prefix: String,
    /// What its credentials are stored under.
    pub(crate) credentials_of: String,
}

impl Endpoint {
    /// The registry itself, as it is called in names.
    pub(crate) fn registry(name: &str, rules: &Rules) -> Result<Self, Error> {
        let host = if name == "docker.io" { HUB_HOST } else { name };
        let way = rules.way(host, name).map_err(|reason| invalid(name, reason))?;
        Ok(Self::new(way, String::new(), name.to_owned()))
    }

    fn new(way: Way, prefix: String, credentials_of: String) -> Self {
        match way {
            Way::Tls(origin) | Way::Plain(origin) => {
                Self { origin, rather: None, prefix, credentials_of }
            }
            Way::Either { tls, plain } => {
                Self { origin: plain, rather: Some(tls), prefix, credentials_of }
            }
        }
    }

    /// The same, reached otherwise.
    pub(crate) fn moved_to(self, origin: Origin) -> Self {
        Self { origin, rather: None, ..self }
    }

    /// A mirror as it is configured.
    fn mirror(text: &str, rules: &Rules) -> Result<Self, Error> {
        let read = || {
            if text.contains("://") {
                let url = Url::parse(text)?;
                return Ok((Way::of(url.origin), url.path));
            }
            let (host, path) = text.split_once('/').unwrap_or((text, ""));
            Ok((rules.way(host, host)?, format!("/{path}")))
        };
        let (way, path) = read().map_err(|reason| invalid(text, reason))?;
        if path.contains('?') {
            return Err(invalid(text, InvalidUrl::Query));
        }
        let path = path.trim_matches('/');
        let path = path
            .strip_prefix("v2")
            .filter(|rest| rest.is_empty() || rest.starts_with('/'))
            .unwrap_or(path)
            .trim_matches('/');
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        let credentials_of = credentials_key(way.origin());
        Ok(Self::new(way, prefix, credentials_of))
    }

    /// All endpoints of a registry in the order in which they are asked.
    pub(crate) fn all(name: &str, rules: &Rules) -> Result<Vec<Self>, Error> {
        let config = rules.registries.get(name);
        let mut endpoints = Vec::new();
        for mirror in config.iter().flat_map(|config| &config.mirrors) {
            endpoints.push(Self::mirror(mirror, rules)?);
        }
        endpoints.push(Self::registry(name, rules)?);
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

/// How a host is reached.
enum Way {
    Tls(Origin),
    Plain(Origin),
    Either { tls: Origin, plain: Origin },
}

impl Way {
    fn of(origin: Origin) -> Self {
        if origin.tls { Self::Tls(origin) } else { Self::Plain(origin) }
    }

    fn origin(&self) -> &Origin {
        match self {
            Self::Tls(origin) | Self::Plain(origin) | Self::Either { plain: origin, .. } => origin,
        }
    }
}

impl Rules {
    /// TLS, but for hosts marked as insecure, and for this machine unless there are certificates for
    /// it. `name` is what the host is called in the configuration.
    fn way(&self, host: &str, name: &str) -> Result<Way, InvalidUrl> {
        let tls = Origin::parse(true, host)?;
        let plain = || Origin::parse(false, host);
        if self.registries.get(name).is_some_and(|config| config.insecure) {
            return Ok(Way::Either { plain: plain()?, tls });
        }
        // What cannot be looked up is an error once TLS is spoken.
        let has_certificates =
            || self.certificates.find(host).map_or(true, |certificates| !certificates.is_empty());
        match is_loopback(&tls.host) && !has_certificates() {
            true => plain().map(Way::Plain),
            false => Ok(Way::Tls(tls)),
        }
    }
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
    use crate::certificates::HostCertificates;

    fn rules(name: &str, config: &RegistryConfig) -> Rules {
        let certificates = CertificateSource::new(|host| {
            let authorities = if host == "localhost:5001" { vec![String::new()] } else { vec![] };
            Ok(HostCertificates { authorities, client: None })
        });
        Rules { registries: [(name.to_owned(), config.clone())].into(), certificates }
    }

    fn urls(name: &str, config: &RegistryConfig) -> Vec<String> {
        let endpoints = Endpoint::all(name, &rules(name, config)).unwrap();
        endpoints.iter().map(|endpoint| endpoint.url("a/b", "tags/list").to_string()).collect()
    }

    #[test]
    fn plain_http_only_where_it_is_allowed() {
        let secure = RegistryConfig::default();
        let insecure = RegistryConfig { insecure: true, ..RegistryConfig::default() };
        for (name, config, expected) in [
            ("localhost:5001", &secure, "https://localhost:5001/v2/a/b/tags/list"),
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
    fn an_insecure_registry_may_speak_tls() {
        let insecure = RegistryConfig { insecure: true, ..RegistryConfig::default() };
        let rather = |name: &str| {
            let endpoint = Endpoint::registry(name, &rules("a.io", &insecure)).unwrap();
            endpoint.rather.map(|origin| origin.to_string())
        };
        assert_eq!(rather("a.io").as_deref(), Some("https://a.io"));
        assert_eq!(rather("b.io"), None);
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
            assert!(Endpoint::all("docker.io", &rules("docker.io", &config)).is_err(), "{mirror}");
        }
    }
}
