//! What a client is told about the world.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lapstrake_http::{Policy, Proxy};

use crate::certificates::CertificateSource;
use crate::credentials::CredentialSource;

/// Settings of a [`crate::Client`]. The default knows no registry, no proxy and no credentials.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Settings by registry, as it is called in names: `docker.io`, `localhost:5000`.
    pub registries: BTreeMap<String, RegistryConfig>,
    /// Where credentials come from; asked only when a registry wants some.
    pub credentials: CredentialSource,
    /// Where certificates come from; asked only before TLS is spoken.
    pub certificates: CertificateSource,
    /// Proxies. Loopback addresses are always reached directly.
    pub proxy: Proxy,
    /// Hosts that nothing is asked of, also not when a registry sends us there.
    pub policy: Arc<Policy>,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// How often to try again.
    pub retry: RetryPolicy,
    /// The `User-Agent`.
    pub user_agent: String,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            registries: BTreeMap::new(),
            credentials: CredentialSource::none(),
            certificates: CertificateSource::none(),
            proxy: Proxy::default(),
            policy: Arc::default(),
            timeouts: Timeouts::default(),
            retry: RetryPolicy::default(),
            user_agent: concat!("lapstrake/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// How to reach one registry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistryConfig {
    /// Asked in order before the registry itself. `http://host:port` is plain HTTP, `https://…` is
    /// TLS, and without a scheme the rule for registries holds. A path is put before the repository:
    /// `https://harbor.example/hub` asks for `hub/library/busybox`.
    pub mirrors: Vec<String>,
    /// TLS with whoever answers, and plain HTTP where nobody speaks TLS. Without this only loopback
    /// hosts for which there are no certificates are reached without TLS.
    pub insecure: bool,
}

/// How long to wait for one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For its address, a connection and TLS.
    pub connect: Duration,
    /// For the beginning of an answer.
    pub response: Duration,
    /// For the next bytes of an answer, also the first ones.
    pub idle: Duration,
    /// For the whole of a manifest or a token.
    pub document: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            response: Duration::from_secs(60),
            idle: Duration::from_secs(60),
            document: Duration::from_secs(120),
        }
    }
}

/// How often to try again what may go well next time: 429, 5xx, a cut connection, silence. Mirrors
/// are asked once; a blob that was cut is resumed there as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Tries in all, at least one.
    pub attempts: u32,
    /// Before the second try; twice as long before each further one.
    pub first_delay: Duration,
    /// The longest delay. When a registry asks for a longer one (`Retry-After`), it is not waited for.
    pub longest_delay: Duration,
    /// Whether a host that took a question and let [`Timeouts::response`] go by is asked again.
    pub after_silence: bool,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 5,
            first_delay: Duration::from_millis(250),
            longest_delay: Duration::from_secs(60),
            after_silence: true,
        }
    }
}
