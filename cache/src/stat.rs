//! Stat indexes: what is known of a build context's files, as opaque bytes of `rootfs::context`.

use std::fs;
use std::path::{Path, PathBuf};

use lapstrake_rootfs::ContentHash;

use crate::temporary::replace_file;
use crate::{Error, Store};

impl Store {
    /// The stat index of the context at `directory` (absolute), if one was kept. Whoever decodes
    /// it checks it: the bytes may be cut off after a power cut.
    pub fn stat_index(&self, directory: &Path) -> Option<Vec<u8>> {
        fs::read(self.stat_path(directory)).ok()
    }

    /// Keeps the stat index of the context at `directory`. Atomic, not flushed.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn put_stat_index(&self, directory: &Path, index: &[u8]) -> Result<(), Error> {
        replace_file(self.root(), &self.stat_path(directory), index)
    }

    fn stat_path(&self, directory: &Path) -> PathBuf {
        let name = ContentHash::of(directory.as_os_str().as_encoded_bytes()).to_string();
        self.root().join("stat").join(name)
    }
}
