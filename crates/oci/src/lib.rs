//! The types of OCI and Docker images: digests, references, media types, descriptors, manifests,
//! indexes, configs and platforms.
//!
//! What comes from outside goes through a `parse` function: those bound the size of a document, refuse
//! what two readers could understand differently, and keep fields that they do not know, so that
//! parse → rewrite loses nothing. What we write has one form (`to_bytes`): compact JSON, fields in the
//! order of the specification, empty ones left out. A digest is always taken from bytes.
//!
//! The crate does no I/O: it neither fetches nor stores, and it does not know what a layer holds.
//!
//! Start at [`Reference`] (what a user names) and [`Document`] (what a registry answers). In reading
//! order: `digest`, `reference`, `media_type`, `platform`, `descriptor`, `manifest`, `index`,
//! `document`, `config`, `annotation`, `json`, `error`.

mod annotation;
mod config;
mod descriptor;
mod digest;
mod document;
mod error;
mod index;
mod json;
mod manifest;
mod media_type;
mod platform;
mod reference;

pub use annotation::{Annotated, Annotation, Annotations};
pub use config::{Config, Empty, Healthcheck, History, ImageConfig, RootFs};
pub use descriptor::Descriptor;
pub use digest::{Digest, DigestHasher, InvalidDigest};
pub use document::{Document, MAX_DOCUMENT_SIZE, MAX_INDEX_DEPTH, MAX_LAYERS, MAX_MANIFESTS};
pub use error::{Ambiguity, DocumentKind, Error};
pub use index::Index;
pub use json::Extra;
pub use manifest::Manifest;
pub use media_type::{Compression, MediaType};
pub use platform::{InvalidPlatform, Platform};
pub use reference::{InvalidReference, Reference};
