//! The store: everything that Lapstrake keeps on disk, under one root.
//!
//! ```text
//! version                     the layout's version, a decimal number
//! oci-layout, index.json      with blobs/: an OCI image layout of what was materialized
//! blobs/sha256/HEX            bytes under their digest
//! layers/ID/{fs,manifest}     fs is an overlayfs lower directory as it is
//! layers/ID/checkpoints       where the hashing of its tar stood, of large layers
//! stubs/, step-stubs/         the lowest directory of every container, of every step: empty files to mount over
//! cache/KEY.N/                what build steps keep for the next ones, see [`CacheFolder`]
//! stat/HEX                    stat indexes of build contexts
//! groups/NAME                 control groups of sandboxes that run, see the executor
//! ids/                        whose the files are, see `ids`
//! connector                   which program was seen to connect networks, see the executor
//! notes/HEX                   what is known of remote sources, and of steps that came to two things
//! store.db                    tags, action records and what they were made of, diff ids: the
//!                             index over all this
//! logs/ID/                    what the steps of the last builds wrote, see `log`
//! leases/NAME                 what a running process uses, see `lease`
//! locks/                      files that are only locked, never read
//! reserve                     room that is kept for whoever removes, see `reserve`
//! salt                        a random number, see [`Store::fingerprint`]; there once one was asked for
//! tmp/NAME/                   work in progress; each folder is locked by its process
//! ```
//! All of it belongs to the user who opens it, and no folder of it is a symbolic link; the root itself may be one.
//! Every method says what it guarantees when it is interrupted. Files come first and the index
//! last, so what the index names exists. The index can be lost: tags are rebuilt from `index.json`
//! and records are only missed.
//!
//! # What survives a power cut
//! A layer is written without a flush of its own; [`Store::sync`] flushes the file system once, at
//! the end of a build. Until then its row carries the kernel's boot id. A row of another boot is
//! taken as absent, because after a power cut nobody knows which of its bytes arrived; `kill -9`
//! needs no such care, since the page cache survives it.
//!
//! This crate knows no network and no Dockerfile. Start at [`Store`].

mod account;
mod blob;
mod cache_folder;
mod cache_mount;
mod database;
mod error;
mod fingerprint;
mod gauge;
mod group;
mod ids;
mod layer;
mod layout;
mod lease;
mod lock;
mod log;
mod note;
mod origin;
mod passing;
mod prune;
mod record;
mod recover;
mod remote;
mod removal;
mod reserve;
mod room;
mod stat;
mod store;
mod tag;
mod temporary;
mod usage;
mod variation;
mod verify;
mod walk;

pub use account::{Account, StepIds};
pub use blob::BlobWriter;
pub use cache_folder::{CacheFolder, CacheRequest, Sharing};
pub use cache_mount::{CacheMount, Freed};
pub use error::Error;
pub use gauge::Gauge;
pub use group::{Group, Grouped, Piece};
pub use layer::{Layer, Staging};
pub use lock::{ActionLock, Use};
pub use log::{Beginning, Entry, Log, LogState, LogWriter, LoggedStep};
pub use origin::Origin;
pub use passing::remove_passing;
pub use prune::{Goal, Holding, HoldingKind, Prune, nanoseconds};
pub use record::{ActionKey, Record, StepId};
pub use removal::Removal;
pub use room::Room;
pub use store::Store;
pub use tag::Tag;
pub use temporary::Temporary;
pub use usage::{Needed, Usage, UsageKind};
pub use verify::{Damage, Fault, Mending, Verified};
