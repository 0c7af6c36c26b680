//! Compressed streams, told by their first bytes and decompressed in this process.

use std::io::{self, BufReader, Cursor, Read};

use crate::tar::{Limits, MemberKind, Members};

/// Bytes that are looked at to tell the format.
const MAGIC_LENGTH: usize = 6;

/// Largest zstd window, as a power of two: 128 MiB, the reference decoder's own limit.
const ZSTD_WINDOW_LOG: u32 = 27;

/// Memory that xz may use: its highest preset needs 65 MiB.
const XZ_MEMORY: u64 = 160 << 20;

/// How a stream is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 1952, any number of members.
    Gzip,
    /// RFC 8878, any number of frames.
    Zstd,
    /// Any number of streams.
    Bzip2,
    /// Any number of streams.
    Xz,
    /// Not at all, as far as the first bytes tell.
    Plain,
}

impl Format {
    /// The format of a stream that begins with `head`.
    pub fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            _ => Self::Plain,
        }
    }
}

/// `input`, decompressed according to its first bytes, and the format that was found. The length
/// of what comes out is not bounded here: take no more of it than you want.
///
/// # Errors
/// When the first bytes cannot be read. Damage is reported by the reader.
pub fn reader<'a>(
    mut input: impl Read + Send + 'a,
) -> io::Result<(Format, Box<dyn Read + Send + 'a>)> {
    let mut head = Vec::with_capacity(MAGIC_LENGTH);
    input.by_ref().take(MAGIC_LENGTH as u64).read_to_end(&mut head)?;
    let format = Format::of(&head);
    let whole = Cursor::new(head).chain(input);
    let buffered = |whole| BufReader::with_capacity(128 * 1024, whole);
    Ok((
        format,
        match format {
            Format::Plain => Box::new(buffered(whole)),
            Format::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(buffered(whole))),
            Format::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(buffered(whole))),
            Format::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(buffered(whole))?;
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Box::new(decoder)
            }
            Format::Xz => {
                let stream =
                    xz2::stream::Stream::new_stream_decoder(XZ_MEMORY, xz2::stream::CONCATENATED)?;
                Box::new(xz2::bufread::XzDecoder::new_stream(buffered(whole), stream))
            }
        },
    ))
}

/// Whether `content` is a tar with at least one member, compressed or not: what ADD unpacks. Reads
/// only as much as that takes. Anything that cannot be read or decompressed is no archive.
pub fn is_archive(content: impl Read + Send) -> bool {
    let Ok((_, content)) = reader(content) else { return false };
    matches!(Members::new(content, Limits::default()).next(), Ok(Some(_)))
}

/// The time of the newest regular file in a tar, compressed or not, in seconds since 1970; `None`
/// when it has none, is damaged or exceeds `limits`, or is no tar.
pub fn newest_file(content: impl Read + Send, limits: Limits) -> Option<i64> {
    let (_, content) = reader(content).ok()?;
    let mut members = Members::new(content, limits);
    let mut newest = None;
    while let Some(member) = members.next().ok()? {
        if matches!(member.kind, MemberKind::File | MemberKind::HardLink) {
            newest = newest.max(Some(member.mtime.seconds));
        }
    }
    newest
}
