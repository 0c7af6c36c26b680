//! Decompression that cannot be made to fill the disk by a small file.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lapstrake_rootfs::decompress;

/// Bytes that anything may decompress to.
const SLACK: u64 = 4 << 30;

/// How many times as long as its compressed bytes a stream may be beyond that. Archives of images
/// stay below 20.
const RATIO: u64 = 256;

/// A decompressed stream that fails when it becomes far longer than what it is read from.
pub struct Bounded<'a> {
    plain: Box<dyn Read + Send + 'a>,
    compressed: Arc<AtomicU64>,
    length: u64,
    slack: u64,
}

impl<'a> Bounded<'a> {
    /// Decompresses `reader` according to its first bytes.
    ///
    /// # Errors
    /// When the first bytes cannot be read.
    pub fn new(reader: impl Read + Send + 'a) -> io::Result<Self> {
        let compressed = Arc::new(AtomicU64::new(0));
        let counted = Counted { reader, count: Arc::clone(&compressed) };
        let (_, plain) = decompress::reader(counted)?;
        Ok(Self { plain, compressed, length: 0, slack: SLACK })
    }
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.plain.read(buffer)?;
        self.length = self.length.saturating_add(count as u64);
        let from = self.compressed.load(Ordering::Relaxed);
        if self.length > from.saturating_mul(RATIO).saturating_add(self.slack) {
            let message = "it decompresses to far more than its size allows";
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(count)
    }
}

struct Counted<R> {
    reader: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.count.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_file_does_not_become_a_large_one() {
        let zeros = vec![0; 4 << 20];
        let small = zstd::encode_all(zeros.as_slice(), 3).unwrap();
        assert!(small.len() < 4096);
        let read = |slack| {
            let bounded = Bounded::new(small.as_slice()).unwrap();
            io::copy(&mut Bounded { slack, ..bounded }, &mut io::sink())
        };
        assert_eq!(read(4 << 20).unwrap(), 4 << 20);
        assert_eq!(read(1 << 20).unwrap_err().kind(), io::ErrorKind::InvalidData);
        // What is not compressed may have any length.
        let mut plain = Bounded { slack: 0, ..Bounded::new(zeros.as_slice()).unwrap() };
        assert_eq!(io::copy(&mut plain, &mut io::sink()).unwrap(), 4 << 20);
    }
}
