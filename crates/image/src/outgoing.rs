//! Bytes on their way out, checked once more.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd as _;

use lapstrake_oci::{Descriptor, Digest, DigestHasher};
use lapstrake_rootfs::tar::PackError;
use lapstrake_rootfs::{LayerId, tar};

use crate::{Error, Images};

impl Images<'_> {
    /// Writes the blob that `descriptor`, found in a manifest of the store, names to `out`: as it
    /// is stored, or, for a layer that was built here, packed as its canonical tar.
    ///
    /// # Errors
    /// When it is not here, or `out` fails. When what was written has another digest or size,
    /// [`Error::Damaged`]: then `out` is to be thrown away.
    pub fn copy_blob(&self, descriptor: &Descriptor, out: &mut dyn Write) -> Result<(), Error> {
        let digest = descriptor.digest;
        let mut out = Checked { out, hasher: DigestHasher::new(), left: descriptor.size };
        let stored = match self.store.has_blob(&digest, descriptor.size) {
            true => self.store.open_blob(&digest)?,
            false => None,
        };
        match stored {
            Some(mut file) => {
                io::copy(&mut file, &mut out).map_err(Error::io("copy a blob of the store"))?;
            }
            None => self.pack(&digest, &mut out)?,
        }
        let found = out.hasher.finish();
        if found != digest || out.left > 0 {
            return Err(Error::Damaged { expected: digest, found });
        }
        Ok(())
    }

    /// Packs the layer that was built here and has this diff id.
    fn pack(&self, diff_id: &Digest, out: &mut dyn Write) -> Result<(), Error> {
        let missing = || self.blob_missing(*diff_id);
        let failed = |source| Error::Pack { digest: *diff_id, source };
        // An image's layer had a blob of its own, which its directory does not bring back.
        let located = self.store.locate(&LayerId::Image(*diff_id))?;
        let id = located.filter(|id| matches!(id, LayerId::Built(_))).ok_or_else(missing)?;
        let layer = self.store.layer(&id)?.ok_or_else(missing)?;
        let folder = File::open(&layer.path)
            .map_err(|source| failed(PackError::Read { path: Default::default(), source }))?;
        tar::write(folder.as_fd(), &layer.manifest, out).map_err(failed)
    }
}

/// Hashes what it writes and takes no more than was announced.
struct Checked<'a> {
    out: &'a mut dyn Write,
    hasher: DigestHasher,
    left: u64,
}

impl Write for Checked<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() as u64 > self.left {
            let message = "the stored content is longer than its manifest says";
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        let count = self.out.write(bytes)?;
        self.hasher.update(bytes.get(..count).unwrap_or_default());
        self.left = self.left.saturating_sub(count as u64);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Writes a tar in which nothing depends on clock or user: mode 0644, root's, time 0.
pub(crate) struct ArchiveWriter<'a> {
    out: &'a mut dyn Write,
}

const BLOCK: u64 = 512;

impl<'a> ArchiveWriter<'a> {
    pub(crate) fn new(out: &'a mut dyn Write) -> Self {
        Self { out }
    }

    /// Adds a file of `size` bytes; `fill` writes exactly as many. `name` has at most 100 bytes.
    pub(crate) fn file(
        &mut self,
        name: &str,
        size: u64,
        fill: &mut dyn FnMut(&mut dyn Write) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut header = ::tar::Header::new_gnu();
        header.set_path(name).map_err(Error::io(WRITE))?;
        header.set_entry_type(::tar::EntryType::Regular);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(size);
        header.set_cksum();
        self.out.write_all(header.as_bytes()).map_err(Error::io(WRITE))?;
        fill(self.out)?;
        let padding = usize::try_from(size.next_multiple_of(BLOCK).saturating_sub(size));
        let zeros = [0; BLOCK as usize];
        let padding = zeros.get(..padding.unwrap_or(0)).unwrap_or_default();
        self.out.write_all(padding).map_err(Error::io(WRITE))
    }

    /// Adds a file that is at hand.
    pub(crate) fn bytes(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let size = bytes.len() as u64;
        self.file(name, size, &mut |out| out.write_all(bytes).map_err(Error::io(WRITE)))
    }

    /// Ends the archive.
    pub(crate) fn finish(self) -> Result<(), Error> {
        self.out.write_all(&[0; 2 * BLOCK as usize]).map_err(Error::io(WRITE))?;
        self.out.flush().map_err(Error::io(WRITE))
    }
}

const WRITE: &str = "write the archive";
