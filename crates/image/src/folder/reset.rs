//! Removing what nothing leads to: `reset=true`.

use std::collections::BTreeSet;
use std::fs::{self, DirEntry};
use std::io::{self, Read as _};

use lapstrake_oci::{Descriptor, Digest, Document, MAX_DOCUMENT_SIZE};

use super::lock::{self, Alone, PATIENCE, Writing};
use super::{LAYOUT_FILE, LayoutFolder, UNFINISHED};
use crate::Error;

const RESET: &str = "remove blobs of the image layout that nothing leads to";

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    /// Nothing: nobody wants it.
    Unasked,
    /// Nothing: somebody else writes blobs that may have no name yet.
    Busy,
    /// Blobs that index.json did not lead to are gone, and what killed processes left.
    Removed {
        /// How many.
        blobs: usize,
        /// Their bytes.
        size: u64,
    },
}

impl LayoutFolder {
    /// Removes the blobs that no entry of the index leads to, of whatever name. `writing` is what the
    /// caller's own [`LayoutFolder::begin`] gave. Whoever reads a manifest that has just lost its name may
    /// find its blobs gone.
    ///
    /// # Errors
    /// When index or manifests cannot be read: then nothing is removed. When a blob cannot be removed.
    pub fn reset(&self, writing: Writing, cancelled: &dyn Fn() -> bool) -> Result<Reset, Error> {
        drop(writing);
        let Some(_alone) = Alone::take(&self.blobs()) else { return Ok(Reset::Busy) };
        let _lock = lock::index(&self.path.join(LAYOUT_FILE), PATIENCE, cancelled)?;
        let kept: BTreeSet<String> = self.reachable()?.iter().map(Digest::hex).collect();
        let (mut blobs, mut size) = (0, 0_u64);
        for entry in fs::read_dir(self.blobs()).map_err(Error::io(RESET))? {
            let entry = entry.map_err(Error::io(RESET))?;
            if goes(&entry, &kept) {
                let bytes = entry.metadata().map_err(Error::io(RESET))?.len();
                fs::remove_file(entry.path()).map_err(Error::io(RESET))?;
                (blobs, size) = (blobs + 1, size.saturating_add(bytes));
            }
        }
        Ok(Reset::Removed { blobs, size })
    }

    /// All that the index leads to.
    fn reachable(&self) -> Result<BTreeSet<Digest>, Error> {
        let mut reached = BTreeSet::new();
        let mut next = self.index()?.map(|index| index.manifests).unwrap_or_default();
        while let Some(entry) = next.pop() {
            let kind = &entry.media_type;
            let is_new = reached.insert(entry.digest);
            if is_new && (kind.is_manifest() || kind.is_index()) {
                match self.document(&entry)? {
                    Some(Document::Manifest(manifest)) => {
                        next.push(manifest.config);
                        next.extend(manifest.layers);
                    }
                    Some(Document::Index(index)) => next.extend(index.manifests),
                    None => {}
                }
            }
        }
        Ok(reached)
    }

    /// A manifest or index; `None` where there is none.
    fn document(&self, entry: &Descriptor) -> Result<Option<Document>, Error> {
        let file = match self.open_blob(&entry.digest)? {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(Error::io("open a manifest of the image layout"))?,
        };
        let mut bytes = Vec::new();
        file.take(MAX_DOCUMENT_SIZE as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(Error::io("read a manifest of the image layout"))?;
        let document = Document::parse(&bytes, Some(&entry.media_type));
        document.map(Some).map_err(Error::document(format!("the blob {}", entry.digest)))
    }
}

/// Whether it is a blob that is not kept, or was never finished. What is neither is somebody else's.
fn goes(entry: &DirEntry, kept: &BTreeSet<String>) -> bool {
    let name = entry.file_name();
    let Some(name) = name.to_str() else { return false };
    let is_digest = format!("sha256:{name}").parse::<Digest>().is_ok();
    let is_blob = is_digest && !kept.contains(name);
    let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
    !is_folder && (is_blob || name.starts_with(UNFINISHED))
}
