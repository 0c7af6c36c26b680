//! A scripted HTTP server on 127.0.0.1, and an image to serve.

#![allow(dead_code, reason = "every test binary uses another part of this")]

pub(crate) mod registry;
pub(crate) mod server;
pub(crate) mod token;

use std::time::Duration;

use lapstrake_oci::{Compression, Descriptor, Digest, Manifest, MediaType, Reference};
use lapstrake_registry::{
    Client, ClientConfig, CredentialSource, Credentials, RegistryConfig, RetryPolicy,
};

use server::{Reply, Server};

/// `app:latest` at a server.
pub(crate) fn reference(server: &Server) -> Reference {
    Reference::parse(&format!("{}/app", server.address())).unwrap()
}

/// `app:latest`: a manifest, its config and one layer.
pub(crate) struct Image {
    pub(crate) config: Vec<u8>,
    pub(crate) layer: Vec<u8>,
    pub(crate) manifest: Vec<u8>,
}

pub(crate) const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

impl Image {
    pub(crate) fn new() -> Self {
        let layer: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
        let config = format!(
            r#"{{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#,
            Digest::of(&layer)
        );
        let config = config.into_bytes();
        let manifest = Manifest::new(
            MediaType::OciManifest,
            Descriptor::of(MediaType::OciConfig, &config),
            vec![Descriptor::of(MediaType::OciLayer(Compression::None), &layer)],
        );
        Self { config, layer, manifest: manifest.to_bytes().unwrap() }
    }

    pub(crate) fn layer(&self) -> Descriptor {
        Descriptor::of(MediaType::OciLayer(Compression::None), &self.layer)
    }

    pub(crate) fn layer_path(&self) -> String {
        format!("/v2/app/blobs/{}", Digest::of(&self.layer))
    }

    pub(crate) fn manifest_reply(&self) -> Reply {
        Reply::ok(&self.manifest)
            .with("Content-Type", MANIFEST_TYPE)
            .with("Docker-Content-Digest", &Digest::of(&self.manifest).to_string())
    }

    /// What a registry that has it answers.
    pub(crate) fn replies(&self) -> Vec<(String, Reply)> {
        let by_digest = format!("/v2/app/manifests/{}", Digest::of(&self.manifest));
        vec![
            ("/v2/app/manifests/latest".to_owned(), self.manifest_reply()),
            (by_digest, self.manifest_reply()),
            (format!("/v2/app/blobs/{}", Digest::of(&self.config)), Reply::ok(&self.config)),
            (self.layer_path(), Reply::ok(&self.layer)),
        ]
    }

    pub(crate) fn reply(&self, path: &str) -> Reply {
        let found = self.replies().into_iter().find(|(known, _)| known == path);
        found.map_or_else(Reply::not_found, |(_, reply)| reply)
    }
}

/// Quick retries, so that tests are quick.
pub(crate) fn settings() -> ClientConfig {
    let retry = RetryPolicy {
        attempts: 3,
        first_delay: Duration::from_millis(5),
        longest_delay: Duration::from_secs(2),
        after_silence: true,
    };
    ClientConfig { retry, ..ClientConfig::default() }
}

pub(crate) fn client() -> Client {
    Client::new(settings()).unwrap()
}

/// Mirrors for docker.io; Docker Hub itself is never reached.
pub(crate) fn client_with_mirrors(registry: &str, mirrors: &[String]) -> Client {
    let mut settings = settings();
    let config = RegistryConfig { mirrors: mirrors.to_vec(), ..RegistryConfig::default() };
    settings.registries.insert(registry.to_owned(), config);
    Client::new(settings).unwrap()
}

/// Who docker-registry and the token server let in.
pub(crate) fn user() -> Credentials {
    Credentials::Basic { username: "me".to_owned(), password: "sec ret:1".to_owned() }
}

/// A client of this user.
pub(crate) fn client_as(credentials: Credentials) -> Client {
    let credentials = CredentialSource::new(move |_| Ok(Some(credentials.clone())));
    Client::new(ClientConfig { credentials, ..settings() }).unwrap()
}

/// Bytes as a blob's content.
pub(crate) fn content(
    bytes: &[u8],
) -> impl Fn(u64) -> std::io::Result<Box<dyn std::io::Read + Send>> + Sync + use<> {
    let bytes = bytes.to_vec();
    move |offset| {
        let rest = bytes[usize::try_from(offset).unwrap()..].to_vec();
        Ok(Box::new(std::io::Cursor::new(rest)))
    }
}

pub(crate) fn basic() -> Credentials {
    Credentials::Basic { username: "me".to_owned(), password: "secret".to_owned() }
}
