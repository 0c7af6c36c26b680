//! From the blob of a layer to the layer.
//!
//! A tar keeps whole seconds and overlayfs needs more than that, so the store's own manifest comes
//! along: it says how the layer is known. Nothing of it is believed: what the tar gives has to be
//! what the manifest lists, and the layer that results has to give the same tar again.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd as _, BorrowedFd};

use lapstrake_cache::{Layer, Store};
use lapstrake_image::HashingReader;
use lapstrake_oci::{Descriptor, Digest, DigestHasher};
use lapstrake_rootfs::decompress::{self, Format};
use lapstrake_rootfs::tar::{self, Limits};
use lapstrake_rootfs::{
    ContentHash, Entry, Kind, LayerId, LayerManifest, LayerWriter, TreePath, View,
};
use rustix::fs::{AtFlags, Timespec, Timestamps, UTIME_OMIT};

use crate::Error;
use crate::inline::with_made;
use crate::offer::Offer;

/// A layer manifest has at most as many bytes: that of millions of files.
const MANIFEST_LIMIT: u64 = 1 << 30;

/// And not more for each of its compressed ones, which are mostly hashes; or so many in any case.
const MANIFEST_RATIO: u64 = 64;
const MANIFEST_LEAST: u64 = 16 << 20;

/// What is known of a layer beside its tar.
pub(crate) enum Known<'a> {
    /// Everything.
    Manifest(LayerManifest),
    /// What has times that a build made up.
    Made(&'a BTreeSet<TreePath>),
}

/// Makes the layer `cached` from its blob and what else is known, and keeps it in the store. Atomic; a
/// layer that is not exactly what `cached` says leaves nothing.
///
/// # Errors
/// When the blob cannot be read, is another one than announced, or holds something else.
pub(crate) fn rebuild(
    store: &Store,
    cached: &Offer,
    blob: impl Read + Send,
    known: Known<'_>,
) -> Result<Layer, Error> {
    let staging = store.stage_layer()?;
    let mut blob = Checked::new(blob, &cached.blob);
    let unpacked = unpack(&mut blob, staging.open_fs()?, cached);
    // Bytes that are wrong explain everything that is wrong behind them.
    blob.finish()?;
    let (found, diff_id) = unpacked?;
    if diff_id != cached.diff_id {
        return Err(Error::DiffId { expected: cached.diff_id, found: diff_id });
    }
    let manifest = match known {
        Known::Manifest(manifest) => manifest,
        Known::Made(made) => with_made(&found, made),
    };
    let is_same = found.content_hash() == manifest.content_hash();
    if !is_same || !is_known_by(&manifest, &cached.content) {
        return Err(Error::OtherFiles);
    }
    let folder = File::open(staging.fs()).map_err(Error::io("open a staged layer"))?;
    restore_times(folder.as_fd(), &manifest).map_err(Error::io("set times of a layer"))?;
    let (again, size) =
        tar::diff_id(folder.as_fd(), &manifest).map_err(|source| Error::Pack { source })?;
    if again != cached.diff_id {
        return Err(Error::DiffId { expected: cached.diff_id, found: again });
    }
    let layer = store.commit_layer(staging, LayerId::Built(cached.content), manifest)?;
    store.put_diff_id(&layer.id, &again, size)?;
    Ok(layer)
}

/// The manifest of a layer, from its blob.
///
/// # Errors
/// When the bytes are others than announced, or no manifest.
pub(crate) fn manifest(descriptor: &Descriptor, blob: impl Read) -> Result<LayerManifest, Error> {
    let mut blob = Checked::new(blob, descriptor);
    let mut bytes = Vec::new();
    let most = descriptor.size.saturating_mul(MANIFEST_RATIO);
    let limit = most.clamp(MANIFEST_LEAST, MANIFEST_LIMIT);
    let read = zstd::Decoder::new(&mut blob)
        .and_then(|decoder| decoder.take(limit + 1).read_to_end(&mut bytes));
    let is_longer = bytes.len() as u64 > limit;
    if is_longer {
        let (digest, size) = (descriptor.digest, descriptor.size);
        return Err(Error::Bomb { digest, size, limit });
    }
    blob.finish()?;
    read.map_err(Error::io("read a layer manifest"))?;
    LayerManifest::decode(&bytes).map_err(|source| Error::LayerManifest { source })
}

fn is_known_by(manifest: &LayerManifest, content: &ContentHash) -> bool {
    manifest.content_hash() == *content || manifest.timed_hash() == *content
}

/// Unpacks the tar; returns what it held and its digest.
fn unpack(
    blob: &mut (impl Read + Send),
    directory: std::os::fd::OwnedFd,
    cached: &Offer,
) -> Result<(LayerManifest, Digest), Error> {
    let (format, plain) = decompress::reader(blob).map_err(Error::io("read a layer"))?;
    if !matches!(format, Format::Plain | Format::Gzip | Format::Zstd) {
        return Err(Error::Compression);
    }
    let mut plain = HashingReader::new(plain);
    let writer = LayerWriter::new(directory, View::default())
        .map_err(|error| Error::Unpack { source: tar::ApplyError::Finish(error) })?;
    let found = tar::apply(&mut plain, writer, &Limits::for_compressed(cached.blob.size))
        .map_err(|source| Error::Unpack { source })?;
    Ok((found, plain.finish()))
}

/// Gives files the parts of a second that a tar does not keep, and the root its time, as it mostly has no member
/// there. All paths are entries of the layer in `folder`, so that their parents are directories of its own and no
/// links.
fn restore_times(folder: BorrowedFd<'_>, manifest: &LayerManifest) -> io::Result<()> {
    let is_lost = |entry: &&Entry| entry.mtime.nanoseconds != 0 || entry.path.is_root();
    let lost = manifest.entries().iter().filter(is_lost);
    for entry in lost.filter(|entry| !matches!(entry.kind, Kind::Whiteout)) {
        let times = Timestamps {
            last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
            last_modification: Timespec {
                tv_sec: entry.mtime.seconds,
                tv_nsec: i64::from(entry.mtime.nanoseconds),
            },
        };
        let path = match entry.path.is_root() {
            true => b".".as_slice(),
            false => entry.path.as_bytes(),
        };
        rustix::fs::utimensat(folder, path, &times, AtFlags::SYMLINK_NOFOLLOW)?;
    }
    Ok(())
}

/// A blob on its way, counted and hashed.
pub(crate) struct Checked<'a, R> {
    reader: R,
    descriptor: &'a Descriptor,
    hasher: DigestHasher,
    taken: u64,
    /// Why it could not be read.
    failure: Option<io::Error>,
}

impl<'a, R: Read> Checked<'a, R> {
    pub(crate) fn new(reader: R, descriptor: &'a Descriptor) -> Self {
        Self { reader, descriptor, hasher: DigestHasher::new(), taken: 0, failure: None }
    }

    /// Whether it could not be read.
    pub(crate) fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Reads what is left and checks the whole.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        if self.failure.is_none() {
            // A failure is kept in `failure`.
            drop(io::copy(&mut self, &mut io::sink()));
        }
        let (size, expected) = (self.taken, self.descriptor);
        if size <= expected.size
            && let Some(source) = self.failure
        {
            return Err(Error::Read { digest: expected.digest, source });
        }
        let found = self.hasher.finish();
        match found == expected.digest && size == expected.size {
            true => Ok(()),
            false => {
                Err(Error::Blob { expected: expected.digest, expected_size: expected.size, size })
            }
        }
    }
}

impl<R: Read> Read for Checked<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken > self.descriptor.size {
            let kind = io::ErrorKind::InvalidData;
            self.failure.get_or_insert_with(|| kind.into());
            return Err(kind.into());
        }
        match self.reader.read(buffer) {
            Ok(count) => {
                self.hasher.update(buffer.get(..count).unwrap_or_default());
                self.taken = self.taken.saturating_add(count as u64);
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let kind = error.kind();
                self.failure = Some(error);
                Err(kind.into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use lapstrake_oci::MediaType;

    use super::*;

    #[test]
    fn a_manifest_that_unpacks_to_far_more_is_refused() {
        let read = |plain: &[u8]| {
            let packed = zstd::encode_all(plain, 19).unwrap();
            let descriptor = Descriptor::of(MediaType::OciManifest, &packed);
            manifest(&descriptor, packed.as_slice())
        };
        let whole = LayerManifest::default().encode().unwrap();
        read(&whole).unwrap();
        let mut padded = whole.clone();
        padded.resize(MANIFEST_LEAST as usize + 1, 0);
        assert!(matches!(read(&padded), Err(Error::Bomb { limit: MANIFEST_LEAST, .. })));
        padded.truncate(whole.len() + 1);
        assert!(matches!(read(&padded), Err(Error::LayerManifest { .. })));
    }
}
