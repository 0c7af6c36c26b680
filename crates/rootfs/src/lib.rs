//! Layers as overlayfs directories, and what is in them.
//!
//! A *layer* is a directory that overlayfs can mount as a lower directory, with a
//! [`LayerManifest`]: the sorted list of what it holds. Everything that can be decided from
//! manifests alone is decided from them, without touching a file: what a path names in a stack of
//! layers ([`View`]), what a COPY selects and where it lands. Only then files are written, through
//! one [`LayerWriter`], and every path is opened relative to a held directory descriptor.
//!
//! This crate knows nothing of stores, keys, networks or Dockerfiles.
//!
//! Reading order: [`hash`], [`entry`], [`manifest`], [`view`], then [`writer`] and its users
//! [`scan`], [`tar`], [`copy`], [`context`].

pub mod entry;
pub mod hash;
pub mod manifest;
pub mod path;
pub mod view;

pub use entry::{Entry, Kind, Timestamp, Xattr};
pub use hash::{ContentHash, ContentHasher, LayerId};
pub use manifest::LayerManifest;
pub use path::TreePath;
pub use view::View;
