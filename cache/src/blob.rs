//! Blobs: bytes under their sha256, verified while they are written and when they are read.

use std::fs::{self, File};
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};

use lapstrake_oci::{Digest, DigestHasher};
use tempfile::NamedTempFile;

use crate::{Error, Store};

impl Store {
    /// Where the blob is or would be.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.root().join("blobs/sha256").join(digest.hex())
    }

    /// Whether a blob of this digest and size is here. Its bytes are not read.
    pub fn has_blob(&self, digest: &Digest, size: u64) -> bool {
        fs::metadata(self.blob_path(digest)).is_ok_and(|found| found.len() == size)
    }

    /// Opens a blob to read; `None` when it is not here. The reader does not verify it.
    ///
    /// # Errors
    /// When it is here and cannot be opened.
    pub fn open_blob(&self, digest: &Digest) -> Result<Option<File>, Error> {
        let path = self.blob_path(digest);
        match File::open(&path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("open", path)(error)),
        }
    }

    /// The bytes of a small blob such as a manifest or config, verified; `None` when it is not
    /// here.
    ///
    /// # Errors
    /// [`Error::BlobTooLarge`] above `limit` bytes, [`Error::BlobDamaged`] when the content is not
    /// what the name says.
    pub fn read_blob(&self, digest: &Digest, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        let Some(file) = self.open_blob(digest)? else {
            return Ok(None);
        };
        let path = self.blob_path(digest);
        let size = file.metadata().map_err(Error::io("stat", &path))?.len();
        if size > limit {
            return Err(Error::BlobTooLarge { digest: *digest, size, limit });
        }
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes).map_err(Error::io("read", &path))?;
        if Digest::of(&bytes) != *digest {
            return Err(Error::BlobDamaged { digest: *digest });
        }
        Ok(Some(bytes))
    }

    /// Keeps a small blob and returns its digest. Atomic; flushed by the next [`Store::sync`].
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put_blob(&self, bytes: &[u8]) -> Result<Digest, Error> {
        let digest = Digest::of(bytes);
        let path = self.blob_path(&digest);
        if fs::read(&path).is_ok_and(|found| found == bytes) {
            return Ok(digest);
        }
        let mut writer = self.blob_writer()?;
        writer.write_all(bytes).map_err(Error::io("write", &path))?;
        writer.keep(&path)?;
        Ok(digest)
    }

    /// Begins a blob whose bytes come as a stream.
    ///
    /// # Errors
    /// When no file can be made.
    pub fn blob_writer(&self) -> Result<BlobWriter, Error> {
        let folder = self.root().join("blobs/sha256");
        let file = tempfile::Builder::new()
            .prefix(".partial-")
            .tempfile_in(&folder)
            .map_err(Error::io("create a file in", folder))?;
        Ok(BlobWriter { file, hasher: DigestHasher::default(), size: 0 })
    }
}

/// A blob that is being written. Dropped before [`BlobWriter::commit`] it leaves nothing.
#[derive(Debug)]
pub struct BlobWriter {
    file: NamedTempFile,
    hasher: DigestHasher,
    size: u64,
}

impl BlobWriter {
    /// Gives the blob its name if it has the expected digest and size. Atomic; its bytes are
    /// flushed first.
    ///
    /// # Errors
    /// [`Error::BlobMismatch`] when other bytes came; then nothing is kept.
    pub fn commit(self, store: &Store, expected: &Digest, size: u64) -> Result<(), Error> {
        let found = self.hasher.clone().finish();
        if found != *expected || self.size != size {
            return Err(Error::BlobMismatch {
                expected: *expected,
                expected_size: size,
                found,
                size: self.size,
            });
        }
        let path = store.blob_path(expected);
        self.file.as_file().sync_data().map_err(Error::io("flush", &path))?;
        self.keep(&path)
    }

    /// Gives the blob the name that its bytes say, and returns digest and size. Atomic; its bytes
    /// are flushed first.
    ///
    /// # Errors
    /// When it cannot be flushed or named.
    pub fn commit_unknown(self, store: &Store) -> Result<(Digest, u64), Error> {
        let (digest, size) = (self.hasher.clone().finish(), self.size);
        self.commit(store, &digest, size)?;
        Ok((digest, size))
    }

    fn keep(self, path: &Path) -> Result<(), Error> {
        self.file.persist(path).map_err(|error| Error::io("name", path)(error.error))?;
        Ok(())
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or_default());
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
