//! Files behind URLs.
//!
//! Reading order: `url` (what is asked for), `request` (asking, redirects), `known` (what is known
//! from earlier answers), `body` (the bytes of an answer, bounded and hashed), `fetch`.

pub(crate) mod body;
mod fetch;
pub(crate) mod known;
pub(crate) mod request;
mod url;

use lapstrake_oci::Digest;
use serde::Serialize;

pub use url::HttpUrl;

/// A file behind a URL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HttpSource {
    /// Where it is.
    pub url: HttpUrl,
    /// What it is called in the layer: one component of a path.
    pub name: String,
    /// What its bytes have to be.
    pub checksum: Option<Digest>,
}
