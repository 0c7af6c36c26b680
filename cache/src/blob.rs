//! Blobs: bytes under their sha256, verified while they are written and when they are read.

use std::fs::{self, File};
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};

use lapstrake_oci::{Digest, DigestHasher};

use crate::temporary::new_file;
use crate::{Error, Store, Temporary};

impl Store {
    /// Where the blob is or would be.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.root().join("blobs/sha256").join(digest.hex())
    }

    /// Whether a blob of this digest and size is here. Its bytes are not read.
    pub fn has_blob(&self, digest: &Digest, size: u64) -> bool {
        let path = self.blob_path(digest);
        let look = || Ok(fs::metadata(&path).ok().filter(|found| found.len() == size));
        // What cannot be kept here is as good as absent.
        let found = self.held(&digest.to_string(), look, |_| digest.to_string());
        found.is_ok_and(|found| found.is_some())
    }

    /// Opens a blob to read; `None` when it is not here. The reader does not verify it.
    ///
    /// # Errors
    /// When it is here and cannot be opened.
    pub fn open_blob(&self, digest: &Digest) -> Result<Option<File>, Error> {
        let path = self.blob_path(digest);
        let look = || match File::open(&path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("open", &path)(error)),
        };
        self.held(&digest.to_string(), look, |_| digest.to_string())
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
        let _gate = self.making(&digest.to_string())?;
        if fs::read(&path).is_ok_and(|found| found == bytes) {
            return Ok(digest);
        }
        let mut writer = self.blob_writer()?;
        writer.write_all(bytes).map_err(Error::io("write", &path))?;
        writer.keep(&path)?;
        self.mark_dirty();
        Ok(digest)
    }

    /// Begins a blob whose bytes come as a stream. What a killed process leaves of it is swept.
    ///
    /// # Errors
    /// When no file can be made.
    pub fn blob_writer(&self) -> Result<BlobWriter, Error> {
        let folder = self.temporary()?;
        let path = folder.path().join("blob");
        let file = new_file(&path).map_err(Error::io("create", path))?;
        Ok(BlobWriter { folder, file, hasher: DigestHasher::default(), size: 0 })
    }

    /// Makes `file`, in a [`Temporary`] of this store, the blob `digest`. The caller has hashed its
    /// bytes as it wrote them. Atomic; its bytes are flushed first.
    ///
    /// # Errors
    /// When it cannot be flushed or named.
    pub fn adopt_blob(&self, file: &Path, digest: &Digest) -> Result<(), Error> {
        let opened = File::open(file).map_err(Error::io("open", file))?;
        opened.sync_data().map_err(Error::io("flush", file))?;
        let path = self.blob_path(digest);
        let _gate = self.making(&digest.to_string())?;
        fs::rename(file, &path).map_err(Error::io("name", path))
    }

    /// Digest and size in bytes of every blob, in no order. One that another process removes
    /// meanwhile is left out.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn blobs(&self) -> Result<Vec<(Digest, u64)>, Error> {
        let folder = self.root().join("blobs/sha256");
        let mut blobs = Vec::new();
        for entry in fs::read_dir(&folder).map_err(Error::io("list", &folder))? {
            let entry = entry.map_err(Error::io("list", &folder))?;
            let name = entry.file_name();
            let digest = name.to_str().and_then(|hex| format!("sha256:{hex}").parse().ok());
            if let (Some(digest), Ok(metadata)) = (digest, entry.metadata()) {
                blobs.push((digest, metadata.len()));
            }
        }
        Ok(blobs)
    }
}

/// A blob that is being written. Dropped before [`BlobWriter::commit`] it leaves nothing.
#[derive(Debug)]
pub struct BlobWriter {
    folder: Temporary,
    file: File,
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
        let (found, _) = self.written();
        if found != *expected || self.size != size {
            return Err(Error::BlobMismatch {
                expected: *expected,
                expected_size: size,
                found,
                size: self.size,
            });
        }
        let path = store.blob_path(expected);
        self.file.sync_data().map_err(Error::io("flush", &path))?;
        let _gate = store.making(&expected.to_string())?;
        self.keep(&path)
    }

    /// Gives the blob the name that its bytes say, and returns digest and size. Atomic; its bytes
    /// are flushed first.
    ///
    /// # Errors
    /// When it cannot be flushed or named.
    pub fn commit_unknown(self, store: &Store) -> Result<(Digest, u64), Error> {
        let (digest, size) = self.written();
        self.commit(store, &digest, size)?;
        Ok((digest, size))
    }

    /// Digest and size in bytes of what was written so far.
    pub fn written(&self) -> (Digest, u64) {
        (self.hasher.clone().finish(), self.size)
    }

    fn keep(self, path: &Path) -> Result<(), Error> {
        fs::rename(self.folder.path().join("blob"), path).map_err(Error::io("name", path))
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
