//! A client of the OCI distribution protocol: finds out what a name stands for, streams blobs, and
//! pushes both.
//!
//! What arrives is checked before it is given out: documents against digest and media type, blobs
//! against size and sha256 while they stream. Credentials go to the host they belong to and nowhere
//! else, also when that host redirects. Mirrors are asked before the registry itself.
//!
//! The crate reads no files, no environment and no home directory: registries, proxies, certificates
//! and credentials come in as data ([`ClientConfig`]); [`DockerConfig`] understands the bytes of a
//! `config.json`. It stores nothing and prints nothing.
//!
//! Start at [`Client`]. In reading order: `config`, `certificates`, `credentials`, `docker_config`,
//! `docker_config_edit`, `client`, `image`, `blob`, `tags`, `referrers`, `search` (what can be asked), `upload` (what can be
//! pushed), `login` (whether credentials are good), `turn` (how many blobs at once), `session` (one question to one endpoint), `auth`, `challenge`, `retry`, `transport` (HTTP), `endpoint`, `guard` (where requests
//! may go), `error`.

mod auth;
mod blob;
mod certificates;
mod challenge;
mod client;
mod config;
mod credentials;
mod docker_config;
mod docker_config_edit;
mod endpoint;
mod error;
mod guard;
mod image;
mod login;
mod referrers;
mod retry;
mod search;
mod session;
mod tags;
mod transport;
mod turn;
mod upload;

pub use blob::BlobReader;
pub use certificates::{CertificateSource, HostCertificates};
pub use client::Client;
pub use config::{ClientConfig, RegistryConfig, RetryPolicy, Timeouts};
pub use credentials::{CredentialSource, Credentials};
pub use docker_config::{
    DockerConfig, InvalidDockerConfig, StoredCredentials, helper_order, parse_helper_answer,
};
pub use docker_config_edit::DockerConfigEdit;
pub use error::{Error, Failure};
pub use guard::Forbidden;
pub use image::{Resolved, Selected};
pub use lapstrake_http::{Denied, InvalidRule, InvalidUrl, Policy, Proxy, Rule};
pub use search::Found;
pub use upload::{Content, Uploaded};
