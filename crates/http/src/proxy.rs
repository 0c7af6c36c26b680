//! Proxies, and who is reached without one.

use std::fmt;

use crate::host::is_loopback;
use crate::url::Origin;

/// HTTP proxies. Their URLs may hold a user and password; `Debug` leaves the URLs out. Loopback
/// hosts are always reached directly.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxy {
    /// For plain HTTP.
    pub http: Option<String>,
    /// For TLS.
    pub https: Option<String>,
    /// Hosts reached directly: `*`, `example.com` with what is below it, `.example.com` only what is
    /// below it.
    pub bypass: Vec<String>,
}

/// A configured proxy is no URL.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the {scheme} proxy")]
pub struct InvalidProxy {
    /// For which scheme. The URL can hold a password and is not shown.
    pub scheme: &'static str,
    /// What is wrong with it.
    pub source: ureq::Error,
}

impl Proxy {
    /// The proxy that `origin` is reached through; `None` when it is reached directly.
    ///
    /// # Errors
    /// When that proxy's URL is none.
    pub fn of(&self, origin: &Origin) -> Result<Option<ureq::Proxy>, InvalidProxy> {
        if self.bypasses(&origin.host) {
            return Ok(None);
        }
        if origin.tls { self.for_tls() } else { self.for_plain() }
    }

    pub(crate) fn for_plain(&self) -> Result<Option<ureq::Proxy>, InvalidProxy> {
        proxy("http", self.http.as_deref())
    }

    pub(crate) fn for_tls(&self) -> Result<Option<ureq::Proxy>, InvalidProxy> {
        proxy("https", self.https.as_deref())
    }

    /// The host is reached without a proxy.
    pub(crate) fn bypasses(&self, host: &str) -> bool {
        let matches = |pattern: &String| {
            let pattern = pattern.trim().to_ascii_lowercase();
            let suffix = pattern.trim_start_matches('*');
            let below =
                if suffix.starts_with('.') { suffix.to_owned() } else { format!(".{suffix}") };
            pattern == "*" || pattern == host || (below != "." && host.ends_with(&below))
        };
        is_loopback(host) || self.bypass.iter().any(matches)
    }
}

fn proxy(scheme: &'static str, url: Option<&str>) -> Result<Option<ureq::Proxy>, InvalidProxy> {
    let url = url.filter(|url| !url.is_empty());
    url.map(ureq::Proxy::new).transpose().map_err(|source| InvalidProxy { scheme, source })
}

impl fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Proxy").field("bypass", &self.bypass).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bypassing(hosts: &[&str]) -> Proxy {
        let bypass = hosts.iter().map(|host| (*host).to_owned()).collect();
        Proxy { bypass, ..Proxy::default() }
    }

    #[test]
    fn proxies_are_bypassed_as_configured() {
        let proxy = bypassing(&["example.com", ".corp", "*.lan", "10.0.0.1"]);
        let direct = ["example.com", "a.example.com", "x.corp", "h.lan", "10.0.0.1", "127.0.0.1"];
        for host in direct {
            assert!(proxy.bypasses(host), "{host}");
        }
        for host in ["badexample.com", "corp", "10.0.0.11", "quay.io"] {
            assert!(!proxy.bypasses(host), "{host}");
        }
        assert!(bypassing(&["*"]).bypasses("quay.io"));
        assert!(!bypassing(&[""]).bypasses("quay.io"));
    }

    #[test]
    fn a_broken_proxy_does_not_show_its_password() {
        let proxy = Proxy { https: Some("http://u:secret@".to_owned()), ..Proxy::default() };
        let error = proxy.for_tls().unwrap_err();
        assert!(!format!("{error} {error:?} {proxy:?}").contains("secret"), "{error:?}");
    }
}
