//! Images into and out of the store.
//!
//! An image is a manifest blob that names a config blob and layers. Its layers are in the store as
//! directories that overlayfs mounts ([`lapstrake_cache::Layer`]), and as the blobs that they came
//! as, so that what was pulled leaves again byte for byte. Layers that were built here have no
//! blob: their canonical tar is made when it has to leave.
//!
//! What comes in is checked before any of it counts: blobs against size and sha256 while they
//! stream, the decompressed layers against the diff ids of the config. Names are set last, after
//! one flush of the whole store.
//!
//! The crate prints nothing and reads neither environment nor home: registries, proxies and
//! credentials come in as data. It knows no Dockerfile.
//!
//! Start at [`Images`]. In reading order: `images` (the type), `stored` (images that are here), `root`
//! (indexes of them), `resolve` (names to images, pulling), `layers` (getting many layers at once), `incoming` (one
//! layer's way in), `implied` (directories that a layer's tar does not name), `archive` (reading
//! archives), `bounded` (their decompression), `load`, `layout` (one image of a folder), `import`,
//! `form` (the form in which images leave), `attestation`, `hashing`, `packing` and `gzip`, `save` with `parcel` and `folder`,
//! `export` (files without layers), `push`, `delivered` (what a push need not send), `parallel`, `manifest_list`, `find`, `list`, `inspect`,
//! `history`, `remove`, `difference`.

mod archive;
mod attestation;
mod bounded;
mod delivered;
mod difference;
mod error;
mod export;
mod find;
pub mod folder;
mod form;
mod gzip;
mod hashing;
mod history;
mod images;
mod implied;
mod import;
mod incoming;
mod inspect;
mod layers;
mod layout;
mod list;
mod load;
mod manifest_list;
mod needed;
mod outgoing;
mod packing;
pub mod parallel;
mod parcel;
mod push;
mod remove;
mod resolve;
mod root;
mod save;
mod sending;
mod stored;

pub use attestation::{Attestation, package_url};
pub use bounded::Bounded;
pub use difference::{Aspect, Difference, differences};
pub use error::{Error, LayerFault};
pub use export::{ImageFiles, write_tar};
pub use folder::LayoutFolder;
pub use form::Form;
pub use hashing::{HashingReader, HashingWriter};
pub use history::{HistoryRow, LayerStep};
pub use images::{Images, LayerState, Progress};
pub use import::ImportOptions;
pub use layout::Choice;
pub use list::ImageSummary;
pub use load::{Input, Loaded};
pub use manifest_list::PlatformChange;
pub use needed::Holder;
pub use packing::{Packing, pack_layer};
pub use push::Pushed;
pub use remove::{Pruned, Removed};
pub use resolve::{Located, Pulled, Remote};
pub use save::{Destination, Format};
pub use stored::ResolvedImage;

pub use lapstrake_registry::Uploaded;
