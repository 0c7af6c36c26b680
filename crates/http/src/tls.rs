//! What TLS with one host needs beyond the system's certificate authorities.

use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

/// How TLS is spoken with a host. The default is the usual way: the system's authorities, and no
/// certificate of ours.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    authorities: Option<Vec<Certificate<'static>>>,
    client: Option<ClientCert>,
    is_unverified: bool,
}

/// A certificate or key that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidCertificate {
    /// No PEM, or something else than a certificate or key in it.
    #[error("it cannot be read")]
    Pem(#[source] ureq::Error),
    /// A certificate was wanted.
    #[error("it holds no certificate")]
    NoCertificate,
    /// A key was wanted.
    #[error("it holds no private key")]
    NoKey,
    /// A key that does not belong to the certificate, or of an unknown kind.
    #[error("certificate and key do not belong together")]
    Pair(#[source] rustls::Error),
}

impl Tls {
    /// Only hosts that these authorities vouch for; PEM.
    ///
    /// # Errors
    /// When a text holds no certificate.
    pub fn with_authorities(mut self, texts: &[String]) -> Result<Self, InvalidCertificate> {
        let mut all = self.authorities.take().unwrap_or_default();
        for text in texts {
            all.extend(certificates(text)?);
        }
        self.authorities = (!all.is_empty()).then_some(all);
        Ok(self)
    }

    /// Shows a certificate to hosts that ask for one; PEM, the certificate before those that vouch for
    /// it.
    ///
    /// # Errors
    /// When either is missing, or the key is not the certificate's.
    pub fn with_client(mut self, chain: &str, key: &str) -> Result<Self, InvalidCertificate> {
        let chain = certificates(chain)?;
        let key = private_key(key)?;
        check_pair(&chain, &key)?;
        self.client = Some(ClientCert::new_with_certs(&chain, key));
        Ok(self)
    }

    /// Any host, whoever it says it is.
    #[must_use]
    pub fn unverified(mut self) -> Self {
        self.is_unverified = true;
        self
    }

    pub(crate) fn config(&self) -> TlsConfig {
        let roots = match &self.authorities {
            Some(authorities) => RootCerts::new_with_certs(authorities),
            None => RootCerts::PlatformVerifier,
        };
        TlsConfig::builder()
            .root_certs(roots)
            .client_cert(self.client.clone())
            .disable_verification(self.is_unverified)
            .build()
    }
}

fn certificates(text: &str) -> Result<Vec<Certificate<'static>>, InvalidCertificate> {
    let mut found = Vec::new();
    for item in parse_pem(text.as_bytes()) {
        if let PemItem::Certificate(certificate) = item.map_err(InvalidCertificate::Pem)? {
            found.push(certificate);
        }
    }
    if found.is_empty() { Err(InvalidCertificate::NoCertificate) } else { Ok(found) }
}

fn private_key(text: &str) -> Result<PrivateKey<'static>, InvalidCertificate> {
    for item in parse_pem(text.as_bytes()) {
        if let PemItem::PrivateKey(key) = item.map_err(InvalidCertificate::Pem)? {
            return Ok(key);
        }
    }
    Err(InvalidCertificate::NoKey)
}

/// ureq takes it for granted that they belong together, and panics when they do not.
fn check_pair(
    chain: &[Certificate<'static>],
    key: &PrivateKey<'static>,
) -> Result<(), InvalidCertificate> {
    let chain = chain.iter().map(|found| CertificateDer::from(found.der().to_vec())).collect();
    let key = PrivateKeyDer::try_from(key.der().to_vec()).map_err(|_| InvalidCertificate::NoKey)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    CertifiedKey::from_der(chain, key, &provider).map(drop).map_err(InvalidCertificate::Pair)
}
