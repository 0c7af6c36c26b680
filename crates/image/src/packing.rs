//! A layer on its way out: packed, compressed and hashed while somebody reads it, or into a file.

use std::fmt;
use std::fs::File;
use std::io::{self, PipeReader, Read, Write};
use std::os::fd::AsFd as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use lapstrake_cache::Layer;
use lapstrake_oci::{Compression, Descriptor, Digest, MediaType};
use lapstrake_rootfs::{LayerId, tar};

use crate::bounded::Bounded;
use crate::gzip::GzipWriter;
use crate::hashing::{HashingReader, HashingWriter};
use crate::{Error, Images};

/// How layers are compressed when they leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    #[default]
    Plain,
    /// gzip, with a level from 0 to 9.
    Gzip(u32),
    /// zstd, with a level from 1 to 22.
    Zstd(i32),
}

/// What gzip does unless it is told otherwise.
const GZIP_LEVEL: u32 = 6;
/// And zstd.
const ZSTD_LEVEL: i32 = 3;

impl Packing {
    /// What is done where only the kind of compression is said.
    pub fn usual(compression: Compression) -> Self {
        match compression {
            Compression::None => Self::Plain,
            Compression::Gzip => Self::Gzip(GZIP_LEVEL),
            Compression::Zstd => Self::Zstd(ZSTD_LEVEL),
        }
    }

    /// What it is called in media types.
    pub(crate) fn compression(self) -> Compression {
        match self {
            Self::Plain => Compression::None,
            Self::Gzip(_) => Compression::Gzip,
            Self::Zstd(_) => Compression::Zstd,
        }
    }

    /// Compresses what `write` writes into `out`. The same bytes give the same. Not for threads of
    /// rayon's pool.
    ///
    /// # Errors
    /// Those of `write` and `out`; then what was written is to be thrown away.
    pub fn compress(
        self,
        mut out: impl Write,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        match self {
            Self::Plain => write(&mut out),
            Self::Gzip(level) => {
                let mut gzip = GzipWriter::new(out, level)?;
                write(&mut gzip)?;
                gzip.finish().map(drop)
            }
            Self::Zstd(level) => {
                let mut zstd = zstd::Encoder::new(out, level)?;
                // The bytes are the same for every number of threads but none.
                zstd.multithread(u32::try_from(rayon::current_num_threads()).unwrap_or(1))?;
                zstd.include_checksum(true)?;
                write(&mut zstd)?;
                zstd.finish().map(drop)
            }
        }
    }

    /// The media type of a layer that is packed so.
    pub fn media_type(self) -> MediaType {
        MediaType::OciLayer(self.compression())
    }
}

/// As it is remembered: two that are written alike give the same bytes.
impl fmt::Display for Packing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain => formatter.write_str("plain"),
            Self::Gzip(level) => write!(formatter, "gzip-{level}"),
            Self::Zstd(level) => write!(formatter, "zstd-{level}"),
        }
    }
}

/// A layer that can be packed.
pub(crate) struct Packable {
    diff_id: Digest,
    origin: Origin,
}

/// Where its tar comes from.
enum Origin {
    /// A directory.
    Built(Layer),
    /// A blob, which may be compressed otherwise.
    Blob(File),
}

impl Images<'_> {
    /// The layer that a manifest of the store describes so. One with a blob is always packed from
    /// that: only it gives back the tar that the diff id is of.
    ///
    /// # Errors
    /// When it is not here.
    pub(crate) fn packable(
        &self,
        descriptor: &Descriptor,
        diff_id: Digest,
    ) -> Result<Packable, Error> {
        if self.store.has_blob(&descriptor.digest, descriptor.size)
            && let Some(file) = self.store.open_blob(&descriptor.digest)?
        {
            return Ok(Packable { diff_id, origin: Origin::Blob(file) });
        }
        let missing = || self.blob_missing(descriptor.digest);
        let located = self.store.locate(&LayerId::Image(diff_id))?;
        let id = located.filter(|id| matches!(id, LayerId::Built(_))).ok_or_else(missing)?;
        let layer = self.store.layer(&id)?.ok_or_else(missing)?;
        Ok(Packable { diff_id, origin: Origin::Built(layer) })
    }
}

/// Packs a layer that was built here as `packing` says; what it is made of is checked against
/// `diff_id`. The same layer and packing give the same bytes.
///
/// # Errors
/// When it cannot be read or is damaged, or `out` fails; then what was written is to be thrown away.
pub fn pack_layer(
    layer: Layer,
    diff_id: Digest,
    packing: Packing,
    out: impl Write,
) -> Result<(), Error> {
    let packable = Packable { diff_id, origin: Origin::Built(layer) };
    packable.pack(packing, out).map_err(Error::io("pack a layer"))
}

impl Packable {
    /// Writes it to `out`. What it is made of is checked against its diff id.
    pub(crate) fn pack(self, packing: Packing, out: impl Write) -> io::Result<()> {
        packing.compress(out, |out| self.write(out))
    }

    /// Writes the tar.
    fn write(self, out: &mut dyn Write) -> io::Result<()> {
        let mut out = HashingWriter::new(out);
        match self.origin {
            Origin::Built(layer) => {
                let folder = File::open(&layer.path)?;
                tar::write(folder.as_fd(), &layer.manifest, &mut out).map_err(io::Error::other)?;
            }
            Origin::Blob(file) => {
                io::copy(&mut Bounded::new(file)?, &mut out)?;
            }
        }
        let (_, found, _) = out.finish();
        if found != self.diff_id {
            return Err(io::Error::other(Error::Damaged { expected: self.diff_id, found }));
        }
        Ok(())
    }
}

/// Digest and size of what was packed, once all of it was read.
pub(crate) type Packed = Arc<Mutex<Option<(Digest, u64)>>>;

/// What is in there.
pub(crate) fn made(packed: &Packed) -> Option<(Digest, u64)> {
    *packed.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes on their way from the packing thread; a pipe's usual 64 KiB make it wait too often.
const PIPE: usize = 1 << 20;

/// Reads a packed layer, which a thread of its own makes. A fault of that thread is an error at the
/// end of the stream, so a layer that was cut short never looks whole. What comes out is hashed by
/// whoever reads: the packing thread has hashed what goes in already.
pub(crate) struct PackReader {
    pipe: HashingReader<PipeReader>,
    size: u64,
    packed: Packed,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl PackReader {
    /// Starts packing; `packed` is set before the end is read.
    pub(crate) fn new(layer: Packable, packing: Packing, packed: Packed) -> io::Result<Self> {
        let (pipe, writer) = io::pipe()?;
        // Only a matter of speed: users may have few pages for pipes left.
        let _ = rustix::pipe::fcntl_setpipe_size(&pipe, PIPE);
        let pipe = HashingReader::new(pipe);
        let work = move || layer.pack(packing, writer);
        let thread = std::thread::Builder::new().name("pack".to_owned()).spawn(work)?;
        Ok(Self { pipe, size: 0, packed, thread: Some(thread) })
    }
}

impl Read for PackReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.pipe.read(buffer)?;
        self.size = self.size.saturating_add(count as u64);
        if count == 0
            && !buffer.is_empty()
            && let Some(thread) = self.thread.take()
        {
            thread.join().map_err(|_| io::Error::other("the packing thread died"))??;
            let packed = (self.pipe.digest(), self.size);
            *self.packed.lock().unwrap_or_else(PoisonError::into_inner) = Some(packed);
        }
        Ok(count)
    }
}
