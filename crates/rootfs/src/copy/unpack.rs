//! Extracts an archive while its own bytes are hashed.

use std::fs::File;
use std::io::{self, Read};

use crate::decompress::reader;
use crate::tar::{ApplyError, Extract, extract};
use crate::{ContentHash, LayerWriter, TreePath};

/// A reader that hashes what goes through it.
struct Hashed {
    inner: File,
    hasher: blake3::Hasher,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.hasher.update(buffer.get(..length).unwrap_or_default());
        Ok(length)
    }
}

/// Extracts `file`, a tar that may be compressed, below `at`, and returns the hash of the whole
/// file as it was read.
///
/// # Errors
/// When the archive is damaged, or reading or writing fails.
pub(super) fn extract_hashed(
    file: File,
    writer: &mut LayerWriter,
    at: &TreePath,
    options: Extract,
) -> Result<ContentHash, ApplyError> {
    let mut file = Hashed { inner: file, hasher: blake3::Hasher::new() };
    let failed = |source| ApplyError::Read { source };
    let (_, content) = reader(&mut file).map_err(failed)?;
    extract(content, writer, at, options)?;
    io::copy(&mut file, &mut io::sink()).map_err(failed)?;
    Ok(ContentHash::from_bytes(*file.hasher.finalize().as_bytes()))
}
