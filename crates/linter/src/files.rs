//! Files that rules may ask for: those of a build context, and those of an image.
//!
//! Somebody else has looked for them. Both the list and the content are only looked for when a rule asks.

use std::fmt;
use std::sync::Arc;

use lapstrake_parser::ignore_file::IgnoreFile;
use lapstrake_rootfs::{TreePath, View};

/// How much of a file rules get to see, in bytes.
pub const HEAD: usize = 64 << 10;

/// Gives the tree, the same each time; nothing if it is not known.
pub type Tree<'a> = &'a (dyn Fn() -> Option<View> + Sync + 'a);

/// Gives the first [`HEAD`] bytes of the regular file at a path of the tree; nothing if there is none, or
/// it cannot be read.
pub type Head<'a> = &'a (dyn Fn(&TreePath) -> Option<Vec<u8>> + Sync + 'a);

/// Gives what [`secret_in`](crate::secret_in) says of the head of a file, and remembers it: many Dockerfiles may copy
/// one file.
pub type Secret<'a> = &'a (dyn Fn(&TreePath) -> Option<&'static str> + Sync + 'a);

/// A tree of files.
#[derive(Clone, Copy)]
pub struct Files<'a> {
    /// Paths, kinds, modes, sizes, targets of links. Owners and hashes count for images only.
    pub tree: Tree<'a>,
    /// What is in a file.
    pub head: Head<'a>,
}

/// The folder that COPY takes files from.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// What stands in front of a path of the context to name it: nothing, or the folder with a `/` behind it.
    pub name: &'a str,
    /// What can be copied: all but what the ignore file leaves out.
    pub files: Files<'a>,
    /// What secret is in a file that can be copied.
    pub secret: Secret<'a>,
    /// What the ignore file leaves out, in path order. A folder stands for all that is in it; one of which
    /// something can be copied is not among them.
    pub hidden: Hidden<'a>,
    /// The ignore file, if there is one.
    pub ignore: Option<IgnoreText<'a>>,
}

/// Gives the paths that are left out, the same each time.
pub type Hidden<'a> = &'a (dyn Fn() -> Arc<[TreePath]> + Sync + 'a);

/// An ignore file as it is written.
#[derive(Clone, Copy, Debug)]
pub struct IgnoreText<'a> {
    /// Its path, to be shown.
    pub name: &'a str,
    /// What is in it.
    pub text: &'a str,
    /// Its patterns.
    pub patterns: &'a IgnoreFile,
    /// Another ignore file, which does not count because of this one.
    pub instead_of: Option<&'a str>,
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("ignore", &self.ignore).finish_non_exhaustive()
    }
}

impl fmt::Debug for Files<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").finish_non_exhaustive()
    }
}
