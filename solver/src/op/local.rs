//! Build contexts: folders that COPY and ADD take files from.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lapstrake_cache::Store;
use lapstrake_parser::ignore_file::{IgnoreError, IgnoreFile};
use lapstrake_rootfs::context::{ContextTree, StatIndex, Wanted, scan};
use lapstrake_rootfs::copy::Part;
use lapstrake_rootfs::{LayerId, TreePath};

use super::{Failure, Rootfs, Value};
use crate::graph::{LocalOp, Want};

/// Contexts by their name; the empty name is the one given on the command line.
#[derive(Default)]
pub struct Contexts(HashMap<String, Context>);

/// Files to copy from.
pub enum Context {
    /// A folder of this machine, and what of it is left out.
    Folder {
        /// Absolute.
        directory: PathBuf,
        /// Its `.dockerignore`.
        ignore: IgnoreFile,
    },
    /// A layer of the store: what was fetched, or came as an archive.
    Layer(LayerId),
    /// Nothing.
    Empty,
}

/// A context that is used was not given.
#[derive(Debug, thiserror::Error)]
#[error("there is no build context to copy from; name a directory on the command line")]
struct NoContext;

impl Contexts {
    /// Adds a context.
    pub fn insert(&mut self, name: String, context: Context) {
        self.0.insert(name, context);
    }

    /// What `op` wants of its context.
    pub(super) fn value(&self, store: &Store, op: &LocalOp) -> Result<Value, Failure> {
        let rootfs = |layers| Value::Rootfs(Rootfs { layers, created: None });
        match self.0.get(&op.name).ok_or(NoContext)? {
            Context::Folder { directory, ignore } => {
                Ok(Value::Tree(Arc::new(tree(store, op, directory, ignore)?)))
            }
            Context::Layer(layer) => Ok(rootfs(vec![*layer])),
            Context::Empty => Ok(rootfs(Vec::new())),
        }
    }
}

/// Reads what `op` wants of a folder. Content that did not change since the last build is known
/// from the stat index and not read again.
fn tree(
    store: &Store,
    op: &LocalOp,
    directory: &Path,
    ignore: &IgnoreFile,
) -> Result<ContextTree, Failure> {
    let known = store.stat_index(directory);
    let known = known.map(StatIndex::decode).unwrap_or_default();
    let folder: OwnedFd = File::open(directory)?.into();
    let ignore = match place_of(store.root(), &folder)? {
        Some(place) => Cow::Owned(ignore.clone().without(place.as_os_str().as_bytes())),
        None => Cow::Borrowed(ignore),
    };
    let wanted = op.wanted.iter().map(wanted).collect::<Result<Vec<_>, _>>()?;
    let (tree, changed) = scan(folder, &wanted, &ignore, &known)?;
    if let Some(index) = changed {
        store.put_stat_index(directory, index.encode())?;
    }
    Ok(tree)
}

/// Where the store is in a context, as that of a user who builds in the home folder. It changes while it is read, and
/// nobody wants it in an image.
fn place_of(store: &Path, context: &OwnedFd) -> io::Result<Option<PathBuf>> {
    let store = store.canonicalize()?;
    let context = File::from(context.try_clone()?).metadata()?;
    let is_context = |folder: &&Path| {
        let folder = folder.metadata();
        folder.is_ok_and(|one| (one.dev(), one.ino()) == (context.dev(), context.ino()))
    };
    let context = store.ancestors().skip(1).find(is_context);
    Ok(context.and_then(|folder| Some(store.strip_prefix(folder).ok()?.to_owned())))
}

/// Lowering has looked at the patterns, so they are well formed.
fn wanted(want: &Want) -> Result<Wanted, IgnoreError> {
    let exclude = IgnoreFile::from_patterns(want.exclude.iter().map(String::as_str))?;
    let part = Part::without(exclude);
    let part = want.only.iter().try_fold(part, |part, pattern| part.only(pattern))?;
    let path = want.path.as_bytes();
    let wanted = match want.is_literal {
        true => Wanted::path(TreePath::clean(path)),
        false => Wanted::source(path),
    };
    Ok(wanted.part(part))
}
