//! Build contexts: folders that COPY and ADD take files from.

use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;

use lapstrake_cache::Store;
use lapstrake_parser::ignore_file::IgnoreFile;
use lapstrake_rootfs::context::{ContextTree, StatIndex, Wanted, scan};

use super::Failure;
use crate::graph::LocalOp;

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
        let wanted: Vec<Wanted> =
            op.wanted.iter().map(|source| Wanted::source(source.as_bytes())).collect();
        let (tree, changed) = scan(directory, &wanted, &context.ignore, &known)?;
        if let Some(index) = changed {
            store.put_stat_index(&context.directory, index.encode())?;
        }
        Ok(tree)
    }
}
