//! Notes: what is known of remote sources, as opaque bytes of whoever fetches them; and of `variation`s.

use std::fs;
use std::path::PathBuf;

use lapstrake_rootfs::ContentHash;

use crate::temporary::replace_file;
use crate::{Error, Store};

impl Store {
    /// The note of `key`, if one was kept. Whoever decodes it checks it: the bytes may be cut off
    /// after a power cut.
    pub fn note(&self, key: &ContentHash) -> Option<Vec<u8>> {
        fs::read(self.note_path(key)).ok()
    }

    /// Keeps the note of `key`; an earlier one is replaced. Atomic, not flushed.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn put_note(&self, key: &ContentHash, note: &[u8]) -> Result<(), Error> {
        replace_file(self.root(), &self.note_path(key), note)
    }

    fn note_path(&self, key: &ContentHash) -> PathBuf {
        self.root().join("notes").join(key.to_string())
    }
}
