//! Certificates by host.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use lapstrake_http::{InvalidCertificate, Tls};

/// What is special about TLS with one host. All texts are PEM.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HostCertificates {
    /// If there are any, they are the only authorities trusted for the host.
    pub authorities: Vec<String>,
    /// A certificate with those that vouch for it, and its private key.
    pub client: Option<(String, String)>,
}

impl HostCertificates {
    /// Nothing is special.
    pub fn is_empty(&self) -> bool {
        self.authorities.is_empty() && self.client.is_none()
    }

    pub(crate) fn tls(&self) -> Result<Tls, InvalidCertificate> {
        let tls = Tls::default().with_authorities(&self.authorities)?;
        match &self.client {
            Some((chain, key)) => tls.with_client(chain, key),
            None => Ok(tls),
        }
    }
}

/// Keys stay unseen.
impl fmt::Debug for HostCertificates {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("HostCertificates")
            .field("authorities", &self.authorities.len())
            .field("client", &self.client.is_some())
            .finish()
    }
}

type BoxError = Box<dyn StdError + Send + Sync>;
type Lookup = dyn Fn(&str) -> Result<HostCertificates, BoxError> + Send + Sync;

/// Finds certificates by host, as it is written in names: `quay.io`, `localhost:5000`. May read files.
#[derive(Clone)]
pub struct CertificateSource(Arc<Lookup>);

impl CertificateSource {
    /// Asks `lookup`.
    pub fn new(
        lookup: impl Fn(&str) -> Result<HostCertificates, BoxError> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(lookup))
    }

    /// Nothing is special about any host.
    pub fn none() -> Self {
        Self::new(|_| Ok(HostCertificates::default()))
    }

    /// What is special about `host`.
    ///
    /// # Errors
    /// What the lookup says, for example that a file cannot be read.
    pub fn find(&self, host: &str) -> Result<HostCertificates, BoxError> {
        (self.0)(host)
    }
}

impl fmt::Debug for CertificateSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CertificateSource(…)")
    }
}
