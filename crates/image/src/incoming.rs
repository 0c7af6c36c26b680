//! One layer's way in: its bytes are counted and hashed, kept as they are, decompressed, hashed
//! again and unpacked, all in one stream.

use std::io::{self, Read, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use lapstrake_cache::{BlobWriter, Staging, Store};
use lapstrake_oci::{Descriptor, Digest, DigestHasher};
use lapstrake_rootfs::decompress::{self, Format};
use lapstrake_rootfs::tar::{self, Limits};
use lapstrake_rootfs::{LayerManifest, LayerWriter, ReadAhead, View, WriteError};

use crate::hashing::HashingReader;
use crate::images::{LayerState, Report};
use crate::{LayerFault, Progress};

/// How much has to arrive before it is reported again.
const REPORTED: u64 = 256 << 10;

/// What all layers of one image have in common on their way.
pub(crate) struct Meter<'a> {
    total: u64,
    done: AtomicU64,
    reported: AtomicU64,
    stopped: AtomicBool,
    report: Report<'a>,
}

impl<'a> Meter<'a> {
    /// `total` bytes are expected.
    pub(crate) fn new(total: u64, report: Report<'a>) -> Self {
        let (done, reported) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { total, done, reported, stopped: AtomicBool::new(false), report }
    }

    /// Makes every read fail from now on.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Tells of one layer.
    pub(crate) fn layer(&self, layer: &Descriptor, done: u64, state: LayerState) {
        let (digest, total) = (layer.digest, layer.size);
        (self.report)(Progress::Layer { digest, done: done.min(total), total, state });
    }

    fn add(&self, count: u64) {
        if count == 0 {
            return;
        }
        let done = self.done.fetch_add(count, Ordering::Relaxed).saturating_add(count);
        let reported = self.reported.load(Ordering::Relaxed);
        if done.saturating_sub(reported) >= REPORTED || done >= self.total {
            self.reported.store(done, Ordering::Relaxed);
            (self.report)(Progress::Downloading { done: done.min(self.total), total: self.total });
        }
    }
}

/// What becomes of a blob's bytes beside being read.
pub(crate) enum Keep {
    /// They are a blob of the store, which is checked again.
    Stored(DigestHasher),
    /// They are written.
    Write(BlobWriter),
    /// They are in a file of a [`lapstrake_cache::Temporary`], which becomes the blob. The digest
    /// was taken when they were put there.
    Adopt(PathBuf, Digest),
}

impl Keep {
    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Stored(hasher) => hasher.update(bytes),
            Self::Write(writer) => writer.write_all(bytes)?,
            Self::Adopt(..) => {}
        }
        Ok(())
    }

    fn digest(&self) -> Digest {
        match self {
            Self::Stored(hasher) => hasher.clone().finish(),
            Self::Write(writer) => writer.written().0,
            Self::Adopt(_, digest) => *digest,
        }
    }

    /// Makes the bytes the blob that `descriptor` names. Atomic.
    pub(crate) fn commit(
        self,
        store: &Store,
        descriptor: &Descriptor,
    ) -> Result<(), lapstrake_cache::Error> {
        match self {
            Self::Stored(_) => Ok(()),
            Self::Write(writer) => writer.commit(store, &descriptor.digest, descriptor.size),
            Self::Adopt(path, digest) => store.adopt_blob(&path, &digest),
        }
    }
}

/// A blob's bytes on their way in.
pub(crate) struct Incoming<'a> {
    reader: Box<dyn Read + Send + 'a>,
    keep: Keep,
    descriptor: &'a Descriptor,
    taken: u64,
    /// How much of it was told.
    told: u64,
    meter: &'a Meter<'a>,
    /// Why the bytes could not be read.
    failure: Option<io::Error>,
}

impl<'a> Incoming<'a> {
    pub(crate) fn new(
        reader: Box<dyn Read + Send + 'a>,
        keep: Keep,
        descriptor: &'a Descriptor,
        meter: &'a Meter<'a>,
    ) -> Self {
        Self { reader, keep, descriptor, taken: 0, told: 0, meter, failure: None }
    }

    /// Reads what is left and checks the whole against the descriptor.
    ///
    /// # Errors
    /// What kept the bytes from coming, or that they are others.
    pub(crate) fn finish(mut self) -> Result<Keep, LayerFault> {
        match self.fault() {
            Some(fault) => Err(fault),
            None => Ok(self.keep),
        }
    }

    /// What is wrong with the bytes themselves, if anything: that explains everything else.
    fn fault(&mut self) -> Option<LayerFault> {
        let drained = match self.failure.take() {
            None => io::copy(&mut *self, &mut io::sink()).map(drop),
            Some(failure) => Err(failure),
        };
        if self.meter.is_stopped() {
            return Some(LayerFault::Stopped);
        }
        if self.taken > self.descriptor.size {
            return Some(self.other_content());
        }
        if let Err(error) = drained {
            let error = self.failure.take().unwrap_or(error);
            return Some(match error.downcast::<lapstrake_registry::Error>() {
                Ok(error) => LayerFault::Registry(Box::new(error)),
                Err(source) => LayerFault::Read { source },
            });
        }
        let right =
            self.taken == self.descriptor.size && self.keep.digest() == self.descriptor.digest;
        (!right).then(|| self.other_content())
    }

    fn other_content(&self) -> LayerFault {
        let found = self.keep.digest();
        LayerFault::Content { found, size: self.taken, expected_size: self.descriptor.size }
    }

    fn step(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.meter.is_stopped() {
            return Err(io::Error::other("stopped"));
        }
        let count = self.reader.read(buffer)?;
        self.taken = self.taken.saturating_add(count as u64);
        self.keep.take(buffer.get(..count).unwrap_or_default())?;
        self.meter.add(count as u64);
        if self.taken.saturating_sub(self.told) >= REPORTED {
            self.told = self.taken;
            self.meter.layer(self.descriptor, self.taken, LayerState::Moving);
        }
        if self.taken > self.descriptor.size {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "longer than announced"));
        }
        Ok(count)
    }
}

impl Read for Incoming<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.step(buffer) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                let kind = error.kind();
                self.failure = Some(error);
                Err(kind.into())
            }
            other => other,
        }
    }
}

/// Unpacks the layer `incoming` into `staging` and checks everything: the bytes against the
/// descriptor, what they hold against `diff_id`. After an error `staging` is to be dropped.
pub(crate) fn unpack(
    mut incoming: Incoming<'_>,
    staging: &Staging,
    diff_id: &Digest,
) -> Result<(LayerManifest, Keep), LayerFault> {
    let limits = Limits::for_compressed(incoming.descriptor.size);
    match apply(&mut incoming, staging, &limits) {
        Err(fault) => Err(incoming.fault().unwrap_or(fault)),
        Ok((manifest, found)) => {
            let keep = incoming.finish()?;
            if found != *diff_id {
                return Err(LayerFault::DiffId { expected: *diff_id, found });
            }
            Ok((manifest, keep))
        }
    }
}

/// Unpacks a compressed tar; returns the manifest and the digest of the uncompressed bytes.
pub(crate) fn apply(
    compressed: impl Read + Send,
    staging: &Staging,
    limits: &Limits,
) -> Result<(LayerManifest, Digest), LayerFault> {
    let (format, plain) =
        decompress::reader(compressed).map_err(|source| LayerFault::Read { source })?;
    match format {
        Format::Plain => apply_plain(plain, staging, limits),
        // To decompress takes as long as everything else: each has a thread.
        Format::Gzip | Format::Zstd => std::thread::scope(|scope| {
            let ahead = ReadAhead::new(scope, plain);
            apply_plain(ahead.map_err(|source| LayerFault::Read { source })?, staging, limits)
        }),
        Format::Bzip2 => Err(LayerFault::Compression { format: "bzip2" }),
        Format::Xz => Err(LayerFault::Compression { format: "xz" }),
    }
}

/// Unpacks a tar; returns the manifest and the digest of its bytes.
pub(crate) fn apply_plain(
    plain: impl Read,
    staging: &Staging,
    limits: &Limits,
) -> Result<(LayerManifest, Digest), LayerFault> {
    let mut hashing = HashingReader::new(plain);
    let directory = staging.open_fs().map_err(LayerFault::Store)?;
    let writer = LayerWriter::new(directory, View::default()).map_err(begin)?;
    let manifest = tar::apply(&mut hashing, writer, limits).map_err(LayerFault::Unpack)?;
    Ok((manifest, hashing.finish()))
}

fn begin(error: WriteError) -> LayerFault {
    LayerFault::Unpack(tar::ApplyError::Finish(error))
}
