//! Build caches that stores share: `--cache-to` and `--cache-from`.
//!
//! A shared cache is an OCI artifact in the form of an image: a manifest whose config is the
//! [`config`] document, and whose layers are ordinary layer blobs, each followed by the store's own
//! manifest of the layer. It lies in a folder as an image layout, in a registry under a tag, or in
//! a bucket.
//!
//! ```text
//! manifest   config: application/vnd.lapstrake.cache.config.v1+json
//!            layers: application/vnd.oci.image.layer.v1.tar+zstd            a layer
//!                    application/vnd.lapstrake.layer.manifest.v1+zstd       its manifest
//!                    … and so on, in the order of the config's layers
//!                    application/vnd.lapstrake.cache.accounts.v1+zstd       what the keys were made of
//! config     {"version": 1,
//!             "layers":  [{"content", "diffId", "packing", "blob", "manifest"}, …],
//!             "records": [{"key", "layer", "created"}, …],
//!             "accounts": the descriptor of what the keys were made of}
//! ```
//!
//! Reading: [`Imports`] knows the configs only. The bytes of a layer come when somebody needs them,
//! are checked against digest, diff id, manifest and content hash, and are then a layer of the store
//! as if it had been built there. A cache says what a key came to and is believed in that, as any
//! builder's cache is; it cannot put other bytes under a content hash. What it says of how keys were made is
//! only ever shown.
//!
//! Writing: [`export`] writes blobs first and the name last, so an interrupted one leaves what was
//! there before.
//!
//! The crate knows no Dockerfile and no graph, reads no environment and prints nothing.
//!
//! In reading order: `config`, `account` (what keys were made of), `inline` (a cache in the config of an image), `place` (where caches
//! are), `timely` (documents that come in time), `bucket` (object stores), `offer` (what they know), `import`, `rebuild` (from a blob to a
//! layer), `export`, `mount` (a cache mount as an archive), `error`.

mod account;
mod bucket;
mod config;
mod error;
mod export;
mod import;
mod inline;
mod mount;
mod offer;
mod place;
mod rebuild;
mod timely;

pub use lapstrake_http::Timeouts;
pub use lapstrake_image::folder::Reset;

pub use account::SharedAccount;
pub use bucket::{Bucket, BucketConfig, BucketCredentials, BucketError};
pub use config::CONFIG_TYPE;
pub use error::Error;
pub use export::{Export, Exported, Step, WORKERS, export};
pub use import::{Arriving, Imports, Offered};
pub use inline::{made, tell, untell};
pub use mount::{MountImport, MountImported, export_mount, import_mount};
pub use place::Place;
