//! Copying bytes into a file while they are hashed.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;

use crate::ContentHash;

/// Bytes read at once.
const CHUNK: usize = 128 * 1024;

/// A chunk of nothing but zeros is not written, in files of more than one chunk.
const HOLE: usize = CHUNK;

/// From this size on a copy first tries to share the blocks.
const CLONE_FROM: u64 = 256 * 1024;

/// Where copying fails.
#[derive(Debug)]
pub(super) enum CopyError {
    /// Reading the source.
    Read(io::Error),
    /// Writing the target.
    Write(io::Error),
}

/// Size and hash of what was copied.
#[derive(Clone, Copy, Debug)]
pub(super) struct Copied {
    pub(super) size: u64,
    pub(super) content: ContentHash,
}

/// A buffer for [`copy`], to be used again.
pub(super) fn buffer() -> Vec<u8> {
    vec![0; CHUNK]
}

/// Copies all of `content` into the empty file `out`.
pub(super) fn copy(
    content: &mut dyn Read,
    out: &mut File,
    buffer: &mut [u8],
) -> Result<Copied, CopyError> {
    let mut hasher = blake3::Hasher::new();
    let mut size: u64 = 0;
    loop {
        let length = fill(content, buffer).map_err(CopyError::Read)?;
        let bytes = buffer.get(..length).unwrap_or_default();
        hasher.update(bytes);
        size = size.saturating_add(length as u64);
        let hole = length == HOLE && is_zero(bytes);
        let done = if hole {
            out.seek(SeekFrom::Current(HOLE as i64)).map(drop)
        } else {
            out.write_all(bytes)
        };
        done.map_err(CopyError::Write)?;
        if length < buffer.len() {
            break;
        }
    }
    if size > 0 && size.is_multiple_of(HOLE as u64) {
        // The last chunk may be a hole, which alone does not make the file longer.
        out.set_len(size).map_err(CopyError::Write)?;
    }
    Ok(Copied { size, content: ContentHash::from_bytes(*hasher.finalize().as_bytes()) })
}

/// Copies the file `source` into the empty file `out`, sharing blocks where the file system can;
/// the hash is always that of the bytes that arrived.
pub(super) fn copy_file(
    source: &mut File,
    out: &mut File,
    buffer: &mut [u8],
) -> Result<Copied, CopyError> {
    let size = source.metadata().map_err(CopyError::Read)?.len();
    let shared = size >= CLONE_FROM && rustix::fs::ioctl_ficlone(out.as_fd(), &*source).is_ok();
    if !shared && size > 0 {
        // Bounded by the size, so that no second read has to find the end.
        return copy(&mut source.take(size), out, buffer);
    }
    if !shared {
        return copy(source, out, buffer);
    }
    out.seek(SeekFrom::Start(0)).map_err(CopyError::Write)?;
    hash(out, buffer).map_err(CopyError::Write)
}

/// Hashes what is left of `content`.
pub(super) fn hash(content: &mut dyn Read, buffer: &mut [u8]) -> io::Result<Copied> {
    let mut hasher = blake3::Hasher::new();
    let mut size: u64 = 0;
    loop {
        let length = fill(content, buffer)?;
        hasher.update(buffer.get(..length).unwrap_or_default());
        size = size.saturating_add(length as u64);
        if length < buffer.len() {
            break;
        }
    }
    Ok(Copied { size, content: ContentHash::from_bytes(*hasher.finalize().as_bytes()) })
}

/// Reads until `buffer` is full or nothing is left.
fn fill(content: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match content.read(rest) {
            Ok(0) => break,
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn is_zero(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<16>();
    words.iter().all(|word| u128::from_ne_bytes(*word) == 0) && rest.iter().all(|byte| *byte == 0)
}
