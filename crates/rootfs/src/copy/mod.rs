//! COPY and ADD: what they select and where it lands.
//!
//! [`select`](select()) decides from manifests alone what is copied, and
//! [`Selection::content_hash`] is what a cache key needs of it: no file is touched.
//! [`write`](write()) then lays the selection into a layer by the rules of A11.2 to A11.5.
//! [`make_directory`] is WORKDIR; [`subtree`](subtree()) is what a mount shows of a tree.
//!
//! Reading order: [`CopySpec`], `pattern`, `part`, `select`, `sift`, `selection`, `land`, `write`,
//! `subtree`.

mod error;
mod land;
mod near;
mod origin;
pub(crate) mod part;
pub(crate) mod pattern;
mod select;
mod selection;
mod sift;
mod subtree;
mod unpack;
mod write;

#[cfg(test)]
mod tests;

pub use self::error::CopyError;
pub use self::land::make_directory;
pub use self::origin::{OpenFile, Origin, Previous};
pub use self::part::Part;
pub use self::select::select;
pub use self::selection::{Listed, Placed, Selection};
pub use self::subtree::{Subtree, subtree};
pub use self::write::write;

use lapstrake_parser::ignore_file::IgnoreFile;
use lapstrake_parser::mode::Mode;

use crate::Timestamp;

/// One COPY or ADD, everything expanded and looked up.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct CopySpec {
    /// In the order in which they are written.
    pub sources: Vec<Source>,
    /// Absolute path, the working directory already applied. A trailing `/` or `/.` that the user
    /// wrote is kept: it means a directory.
    pub destination: Vec<u8>,
    /// `--exclude`: what is left out below each directory that is named or matched.
    pub exclude: IgnoreFile,
    /// `--chown`: user and group of everything that is written.
    pub owner: Option<(u32, u32)>,
    /// Whether sources keep their owner unless `owner` is given (`--from`); else it is 0:0.
    pub keep_owner: bool,
    /// `--chmod`.
    pub mode: Option<Mode>,
    /// Whether local archives are extracted (ADD).
    pub unpack: bool,
    /// The time of what has no source: created parents and inline files.
    pub made: Timestamp,
}

/// One source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A path as written, expanded: it may hold wildcards, and a leading `/` or `..` that stays at
    /// the root.
    Path(Vec<u8>),
    /// What a pattern matches below a directory, with the directories that lead to it
    /// (`--parents`). A file that `base` names comes itself.
    Below {
        /// As [`Source::Path`].
        base: Vec<u8>,
        /// Relative to each directory that `base` names; it may hold `**`.
        pattern: String,
    },
    /// A here-document: a file of mode 0644, owner 0:0.
    Inline {
        /// Its name in a destination directory.
        name: Vec<u8>,
        /// Its bytes.
        content: Vec<u8>,
    },
}
