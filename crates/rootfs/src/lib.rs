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
//! Reading order: [`path`], [`hash`], [`entry`], [`manifest`], [`view`], [`change`]; then [`writer`] and its
//! users [`tar`], [`copy`], [`context`], [`restamp`]; then [`scan`], [`read`], [`remove`] and the
//! small ones: [`passwd`], [`decompress`], [`read_ahead`]. All opening of paths is in `beneath`, everything
//! about extended attributes in `attribute`.

mod attribute;
mod beneath;
pub mod change;
pub mod context;
pub mod copy;
pub mod decompress;
pub mod entry;
pub mod files;
pub mod hash;
pub mod manifest;
pub mod merged;
pub mod passwd;
pub mod path;
pub mod read;
pub mod read_ahead;
pub mod remove;
pub mod restamp;
pub mod scan;
pub mod tar;
#[cfg(test)]
mod testing;
pub mod view;
pub mod writer;

pub use entry::{Entry, Kind, Timestamp, Xattr};
pub use hash::{ContentHash, ContentHasher, LayerId};
pub use manifest::LayerManifest;
pub use merged::Merged;
pub use path::TreePath;
pub use read_ahead::ReadAhead;
pub use view::View;
pub use writer::{LayerWriter, Meta, WriteError};
