//! Build contexts: folders that COPY and ADD take files from.

use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;

use lapstrake_cache::Store;
use lapstrake_parser::ignore_file::{IgnoreError, IgnoreFile};
use lapstrake_rootfs::TreePath;
use lapstrake_rootfs::context::{ContextTree, StatIndex, Wanted, scan};
use lapstrake_rootfs::copy::Part;

use super::Failure;
use crate::graph::{LocalOp, Want};

/// Contexts by their name; the empty name is the one given on the command line.
#[derive(Default)]
pub struct Contexts(HashMap<String, Context>);

/// One folder and what of it is left out.
pub struct Context {
    /// Absolute.
    pub directory: PathBuf,
    /// Its `.dockerignore`.
    pub ignore: IgnoreFile,
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

    /// Reads what `op` wants of its context. Content that did not change since the last build is
    /// known from the stat index and not read again.
    pub(super) fn tree(&self, store: &Store, op: &LocalOp) -> Result<ContextTree, Failure> {
        let context = self.0.get(&op.name).ok_or(NoContext)?;
        let known = store.stat_index(&context.directory);
        let known = known.map(StatIndex::decode).unwrap_or_default();
        let directory = File::open(&context.directory)?.into();
        let wanted = op.wanted.iter().map(wanted).collect::<Result<Vec<_>, _>>()?;
        let (tree, changed) = scan(directory, &wanted, &context.ignore, &known)?;
        if let Some(index) = changed {
            store.put_stat_index(&context.directory, index.encode())?;
        }
        Ok(tree)
    }
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
