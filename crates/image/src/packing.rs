//! A layer that was built here on its way out: packed, compressed and hashed in a thread of its own
//! while somebody reads it.

use std::fmt;
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use lapstrake_cache::Layer;
use lapstrake_oci::{Compression, Digest, DigestHasher, MediaType};
use lapstrake_rootfs::tar;

use crate::gzip::GzipWriter;

/// How layers that were built here are compressed when they leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// gzip, with a level from 0 to 9.
    Gzip(u32),
    /// zstd, with a level from 1 to 22.
    Zstd(i32),
}

impl Packing {
    pub(crate) fn media_type(self) -> MediaType {
        MediaType::OciLayer(match self {
            Self::Plain => Compression::None,
            Self::Gzip(_) => Compression::Gzip,
            Self::Zstd(_) => Compression::Zstd,
        })
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

/// Digest and size of what was packed.
pub(crate) type Packed = Arc<Mutex<Option<(Digest, u64)>>>;

/// Reads a layer as its canonical tar, compressed. A fault of the packing thread is an error at the
/// end of the stream, so a layer that was cut short never looks whole.
pub(crate) struct PackReader {
    pipe: PipeReader,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl PackReader {
    /// Starts packing; `packed` is set before the end is read.
    pub(crate) fn new(layer: Layer, packing: Packing, packed: Packed) -> io::Result<Self> {
        let (pipe, writer) = io::pipe()?;
        let work = move || {
            let mut out = Hashing { pipe: writer, hasher: DigestHasher::new(), size: 0 };
            pack(&layer, packing, &mut out)?;
            let result = (out.hasher.finish(), out.size);
            *packed.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
            Ok(())
        };
        let thread = std::thread::Builder::new().name("pack".to_owned()).spawn(work)?;
        Ok(Self { pipe, thread: Some(thread) })
    }
}

impl Read for PackReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.pipe.read(buffer)?;
        if count == 0
            && !buffer.is_empty()
            && let Some(thread) = self.thread.take()
        {
            thread.join().map_err(|_| io::Error::other("the packing thread died"))??;
        }
        Ok(count)
    }
}

fn pack(layer: &Layer, packing: Packing, out: &mut Hashing) -> io::Result<()> {
    let folder = File::open(&layer.path)?;
    let write = |out: &mut dyn Write| {
        tar::write(folder.as_fd(), &layer.manifest, out).map_err(io::Error::other)
    };
    match packing {
        Packing::Plain => write(out),
        Packing::Gzip(level) => {
            let mut gzip = GzipWriter::new(out, level)?;
            write(&mut gzip)?;
            gzip.finish().map(drop)
        }
        Packing::Zstd(level) => {
            let mut zstd = zstd::Encoder::new(out, level)?;
            // The bytes are the same for every number of threads but none.
            zstd.multithread(u32::try_from(rayon::current_num_threads()).unwrap_or(1))?;
            zstd.include_checksum(true)?;
            write(&mut zstd)?;
            zstd.finish().map(drop)
        }
    }
}

/// Hashes what goes into the pipe.
struct Hashing {
    pipe: PipeWriter,
    hasher: DigestHasher,
    size: u64,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.pipe.write(bytes)?;
        self.hasher.update(bytes.get(..count).unwrap_or_default());
        self.size = self.size.saturating_add(count as u64);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
