//! TLS with authorities of one's own, and registries named insecure.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use lapstrake_oci::Reference;
use lapstrake_registry::{
    CertificateSource, Client, ClientConfig, Error, HostCertificates, RegistryConfig,
};
use support::registry::Registry;
use support::server::chain;
use support::settings;

/// A registry under a name that its certificate is for.
fn name(registry: &Registry) -> String {
    format!("localhost:{}", registry.address.rsplit(':').next().unwrap())
}

/// What asking for an image that is not there ends with.
fn asked(name: &str, config: ClientConfig) -> Error {
    let reference = Reference::parse(&format!("{name}/app")).unwrap();
    Client::new(config).unwrap().resolve(&reference).unwrap_err()
}

fn trusting(host: &str, authority: &str) -> ClientConfig {
    let (host, authority) = (host.to_owned(), authority.to_owned());
    let certificates = CertificateSource::new(move |asked| {
        let authorities = if asked == host { vec![authority.clone()] } else { Vec::new() };
        Ok(HostCertificates { authorities, client: None })
    });
    ClientConfig { certificates, ..settings() }
}

fn insecure(name: &str) -> ClientConfig {
    let mut config = settings();
    let registry = RegistryConfig { insecure: true, ..RegistryConfig::default() };
    config.registries.insert(name.to_owned(), registry);
    config
}

#[test]
fn an_authority_of_ones_own_counts_for_its_host_only() {
    let registry = Registry::start_with_tls();
    let name = name(&registry);
    let error = asked(&name, trusting(&name, &registry.certificate()));
    assert!(matches!(error, Error::NotFound { .. }), "{}", chain(&error));

    // Another one's word does not count.
    let other = Registry::start_with_tls();
    let text = chain(&asked(&name, trusting(&name, &other.certificate())));
    assert!(text.contains("with TLS"), "{text}");
    // The scheme is said, as plain HTTP would be spoken with this machine.
    let mut config = trusting("elsewhere", &registry.certificate());
    let mirrors = vec![format!("https://{name}")];
    config.registries.insert(name.clone(), RegistryConfig { mirrors, insecure: false });
    let text = chain(&asked(&name, config));
    assert!(text.contains("if its certificate is your own"), "{text}");
}

#[test]
fn an_insecure_registry_speaks_tls_without_proof_or_plain_http() {
    let with_tls = Registry::start_with_tls();
    let name = name(&with_tls);
    let error = asked(&name, insecure(&name));
    assert!(matches!(error, Error::NotFound { .. }), "{}", chain(&error));
    assert!(error.to_string().contains("https://localhost"), "{error}");

    let plain = Registry::start();
    let error = asked(&plain.address, insecure(&plain.address));
    assert!(matches!(error, Error::NotFound { .. }), "{}", chain(&error));
    assert!(error.to_string().contains("http://127.0.0.1"), "{error}");
}
