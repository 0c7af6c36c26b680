//! Layers as tar archives, both ways.
//!
//! [`apply()`] turns a layer of an image into overlayfs' form, [`extract`] unpacks an archive for
//! ADD, [`write()`] packs a layer as its one canonical tar, [`diff_id`] hashes that.
//!
//! Reading: `member` yields members from blocks (`field`, `number`, `pax` and `sparse` decode
//! their parts), [`apply`](mod@apply) places them. Whatever GNU tar, Python and Go read
//! differently is refused. Writing: [`write`](mod@write) on top of `header`;
//! `digest` hashes it instead, from a `checkpoint` on if it can.

pub mod apply;
mod checkpoint;
mod digest;
mod error;
mod field;
mod header;
mod limits;
mod member;
mod number;
mod pax;
mod sparse;
#[cfg(test)]
mod tests;
pub mod write;

pub use apply::{Extract, apply, extract};
pub use checkpoint::Checkpoints;
pub use digest::{Digested, Earlier, Stop, diff_id, digest};
pub use error::ApplyError;
pub use limits::Limits;
pub(crate) use member::{MemberKind, Members};
pub use write::{PackError, Tree, write, write_merged};

/// Everything in a tar is a multiple of this.
const BLOCK: usize = 512;

/// What a whiteout's name begins with.
const WHITEOUT: &[u8] = b".wh.";

/// The name that makes its directory opaque.
const OPAQUE: &[u8] = b".wh..wh..opq";

/// Names that begin so are aufs' own notes, not whiteouts.
const WHITEOUT_META: &[u8] = b".wh..wh.";

/// What PAX records of extended attributes begin with.
const PAX_XATTR: &[u8] = b"SCHILY.xattr.";
