//! gzip by several threads.
//!
//! The stream is one gzip member (RFC 1952) of blocks that are deflated independently and end on a
//! byte (a sync flush), so any decompressor reads it. What comes out depends on the bytes and the
//! level alone, not on the number of threads. A block that does not shrink is stored.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, sync_channel};

use flate2::{Compress, Compression, Crc, FlushCompress};

/// Bytes that are compressed as one. Larger ones shrink better, smaller ones use threads earlier.
const BLOCK: usize = 1 << 20;
/// What is tried of a block to see whether it shrinks: at its beginning, in its middle, at its end.
const SAMPLE: usize = 12 * 1024;
/// Blocks in work for each thread.
const AHEAD: usize = 2;
/// Magic, deflate, no flags, no time, no hint, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// An empty last block.
const END: [u8; 2] = [3, 0];

/// Compresses what is written to it into `out`. Not for threads of rayon's pool: it waits for them.
pub(crate) struct GzipWriter<W> {
    out: W,
    level: u32,
    block: Vec<u8>,
    /// Of the blocks in work, in order.
    waiting: VecDeque<Receiver<io::Result<Vec<u8>>>>,
    crc: Crc,
}

impl<W: Write> GzipWriter<W> {
    /// `level` is from 0 (stored) to 9.
    pub(crate) fn new(mut out: W, level: u32) -> io::Result<Self> {
        out.write_all(&HEADER)?;
        let block = Vec::with_capacity(BLOCK);
        Ok(Self { out, level: level.min(9), block, waiting: VecDeque::new(), crc: Crc::new() })
    }

    /// Writes what is still in work and the end.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.begin_block()?;
        while let Some(done) = self.waiting.pop_front() {
            self.take(&done)?;
        }
        self.out.write_all(&END)?;
        self.out.write_all(&self.crc.sum().to_le_bytes())?;
        self.out.write_all(&self.crc.amount().to_le_bytes())?;
        Ok(self.out)
    }

    /// Hands the block over to a thread; waits for the oldest when too many are in work.
    fn begin_block(&mut self) -> io::Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        let block = std::mem::replace(&mut self.block, Vec::with_capacity(BLOCK));
        let (sender, done) = sync_channel(1);
        let level = self.level;
        rayon::spawn(move || {
            // Nobody waits for it any more when the writer was dropped.
            drop(sender.send(deflate(&block, level)));
        });
        self.waiting.push_back(done);
        if self.waiting.len() > AHEAD.saturating_mul(rayon::current_num_threads())
            && let Some(oldest) = self.waiting.pop_front()
        {
            self.take(&oldest)?;
        }
        Ok(())
    }

    fn take(&mut self, done: &Receiver<io::Result<Vec<u8>>>) -> io::Result<()> {
        let died = |_| io::Error::other("a compressing thread died");
        self.out.write_all(&done.recv().map_err(died)??)
    }
}

impl<W: Write> Write for GzipWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = BLOCK.saturating_sub(self.block.len());
        let taken = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        self.block.extend_from_slice(taken);
        self.crc.update(taken);
        if self.block.len() >= BLOCK {
            self.begin_block()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One block as deflated bytes that end on a byte.
fn deflate(block: &[u8], level: u32) -> io::Result<Vec<u8>> {
    let shrinks = level > 0 && shrinks(block)?;
    deflate_with(block, if shrinks { level } else { 0 })
}

fn shrinks(block: &[u8]) -> io::Result<bool> {
    let last = block.len().saturating_sub(SAMPLE);
    for start in [0, last / 2, last] {
        let sample = block.get(start..).unwrap_or_default();
        let sample = sample.get(..SAMPLE).unwrap_or(sample);
        if deflate_with(sample, 1)?.len() < sample.len() - sample.len() / 32 {
            return Ok(true);
        }
    }
    Ok(false)
}

fn deflate_with(bytes: &[u8], level: u32) -> io::Result<Vec<u8>> {
    let mut stream = Compress::new(Compression::new(level), false);
    // Stored blocks take five bytes for each 64 KiB, and the flush a few more.
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 8192 + 64);
    let mut rest = bytes;
    loop {
        let (before, room) = (stream.total_in(), out.len());
        stream.compress_vec(rest, &mut out, FlushCompress::Sync).map_err(io::Error::other)?;
        let taken = usize::try_from(stream.total_in() - before).unwrap_or(rest.len());
        rest = rest.get(taken..).unwrap_or_default();
        if rest.is_empty() && out.len() < out.capacity() {
            return Ok(out);
        }
        if out.len() == out.capacity() {
            out.reserve(bytes.len() / 4 + 1024);
        } else if taken == 0 && out.len() == room {
            return Err(io::Error::other("deflate makes no progress"));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::process::{Command, Stdio};

    use super::*;

    fn compressed(bytes: &[u8], level: u32) -> Vec<u8> {
        let mut writer = GzipWriter::new(Vec::new(), level).unwrap();
        for piece in bytes.chunks(70_001) {
            writer.write_all(piece).unwrap();
        }
        writer.finish().unwrap()
    }

    /// Block after block, by one thread.
    fn in_order(bytes: &[u8], level: u32) -> Vec<u8> {
        let blocks: Vec<u8> =
            bytes.chunks(BLOCK).flat_map(|block| deflate(block, level).unwrap()).collect();
        let mut crc = Crc::new();
        crc.update(bytes);
        let (sum, length) = (crc.sum().to_le_bytes(), crc.amount().to_le_bytes());
        [&HEADER[..], &blocks, &END, &sum, &length].concat()
    }

    /// Text, noise, zeros and the lengths around a block.
    fn inputs() -> Vec<Vec<u8>> {
        let mut state = 1_u64;
        let mut noise = |length: usize| -> Vec<u8> {
            let step = |state: &mut u64| {
                *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (*state >> 33) as u8
            };
            (0..length).map(|_| step(&mut state)).collect()
        };
        let text: Vec<u8> = (0..400_000_u32).flat_map(|n| format!("{n} ").into_bytes()).collect();
        let mixed = [text.clone(), noise(3 * BLOCK), vec![0; 2 * BLOCK + 5]].concat();
        vec![Vec::new(), b"x".to_vec(), text, noise(BLOCK), noise(BLOCK + 1), mixed]
    }

    /// GNU gzip is the judge.
    #[test]
    fn others_read_it_whatever_the_number_of_threads() {
        for (index, input) in inputs().iter().enumerate() {
            for level in [0, 1, 6] {
                let bytes = compressed(input, level);
                assert!(bytes == in_order(input, level), "{index} at level {level}");
                let mut gzip = Command::new("gzip")
                    .arg("-dc")
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .spawn()
                    .unwrap();
                let mut stdin = gzip.stdin.take().unwrap();
                std::thread::spawn(move || stdin.write_all(&bytes).unwrap());
                let mut read = Vec::new();
                gzip.stdout.take().unwrap().read_to_end(&mut read).unwrap();
                assert!(gzip.wait().unwrap().success(), "{index} at level {level}");
                assert!(read == *input, "{index} at level {level}");
            }
        }
    }

    #[test]
    fn noise_is_stored() {
        let noise = inputs().swap_remove(3);
        assert!(compressed(&noise, 6).len() < noise.len() + noise.len() / 1000);
        // One that begins like noise is no noise.
        let half = [&noise[..BLOCK / 2], &vec![b'x'; BLOCK / 2][..]].concat();
        assert!(compressed(&half, 6).len() < BLOCK * 6 / 10);
        let zeros = vec![0; 4 * BLOCK];
        assert!(compressed(&zeros, 6).len() < zeros.len() / 200);
    }
}
