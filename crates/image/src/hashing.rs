//! Digests of bytes that are on their way.

use std::io::{self, Read, Write};

use lapstrake_oci::{Digest, DigestHasher};

/// Hashes what is read through it.
pub struct HashingReader<R> {
    reader: R,
    hasher: DigestHasher,
}

impl<R: Read> HashingReader<R> {
    /// Nothing has been read yet.
    pub fn new(reader: R) -> Self {
        Self { reader, hasher: DigestHasher::new() }
    }

    /// The digest of what has been read so far.
    pub fn digest(&self) -> Digest {
        self.hasher.clone().finish()
    }

    /// The digest of what was read.
    pub fn finish(self) -> Digest {
        self.hasher.finish()
    }
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.hasher.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

/// Hashes and counts what is written through it.
pub struct HashingWriter<W> {
    out: W,
    hasher: DigestHasher,
    size: u64,
}

impl<W: Write> HashingWriter<W> {
    /// Nothing has been written yet.
    pub fn new(out: W) -> Self {
        Self { out, hasher: DigestHasher::new(), size: 0 }
    }

    /// What it wrote to, digest, and size in bytes.
    pub fn finish(self) -> (W, Digest, u64) {
        (self.out, self.hasher.finish(), self.size)
    }
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.hasher.update(bytes.get(..count).unwrap_or_default());
        self.size = self.size.saturating_add(count as u64);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
