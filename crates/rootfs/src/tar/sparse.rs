//! Files with holes, in GNU tar's forms: the old one, PAX 0.0, 0.1 and 1.0.

use ::tar::Header;

use super::pax::Records;
use super::{BLOCK, number};

/// Where a file's stored bytes belong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Map {
    /// Offset and length of each piece, in order.
    segments: Vec<(u64, u64)>,
    /// Of the whole file.
    pub(super) size: u64,
}

impl Map {
    /// Whether the pieces are in order, inside the file, and together `stored` bytes long.
    pub(super) fn is_sound(&self, stored: u64) -> bool {
        let mut end: u64 = 0;
        let mut sum: u64 = 0;
        for (offset, length) in &self.segments {
            let (Some(next), true) = (offset.checked_add(*length), *offset >= end) else {
                return false;
            };
            end = next;
            sum = sum.saturating_add(*length);
        }
        end <= self.size && sum == stored
    }
}

/// A place in a sparse file.
#[derive(Debug)]
pub(super) struct Cursor {
    map: Map,
    at: u64,
    segment: usize,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// So many zeros; none at the end.
    Hole(u64),
    /// So many stored bytes.
    Data(u64),
}

impl Cursor {
    pub(super) fn new(map: Map) -> Self {
        Self { map, at: 0, segment: 0 }
    }

    /// The next piece, at most `limit` bytes of it.
    pub(super) fn piece(&mut self, limit: u64) -> Piece {
        while let Some((offset, length)) = self.map.segments.get(self.segment).copied() {
            let end = offset.saturating_add(length);
            if self.at < offset {
                return Piece::Hole((offset - self.at).min(limit));
            }
            if self.at < end {
                return Piece::Data((end - self.at).min(limit));
            }
            self.segment += 1;
        }
        Piece::Hole(self.map.size.saturating_sub(self.at).min(limit))
    }

    pub(super) fn advance(&mut self, length: u64) {
        self.at = self.at.saturating_add(length);
    }
}

/// GNU's old table: four pieces in the header, 21 in each block after it.
#[derive(Debug)]
pub(super) struct OldTable {
    pub(super) segments: Vec<(u64, u64)>,
    /// Another block follows.
    pub(super) more: bool,
    size: u64,
    sound: bool,
}

impl OldTable {
    pub(super) fn new(header: &Header) -> Option<Self> {
        let bytes = header.as_bytes();
        let size = number::parse_unsigned(bytes.get(483..495)?)?;
        let more = *bytes.get(482)? != 0;
        let mut table = Self { segments: Vec::new(), more, size, sound: true };
        table.take(bytes.get(386..482)?);
        Some(table)
    }

    pub(super) fn extend(&mut self, block: &[u8; BLOCK]) {
        self.take(block.get(..504).unwrap_or_default());
        self.more = block.get(504).is_some_and(|more| *more != 0);
    }

    fn take(&mut self, table: &[u8]) {
        for segment in table.chunks_exact(24).filter(|segment| segment.first() != Some(&0)) {
            let (offset, length) = segment.split_at(12);
            match (number::parse_unsigned(offset), number::parse_unsigned(length)) {
                (Some(offset), Some(length)) => self.segments.push((offset, length)),
                _ => self.sound = false,
            }
        }
    }

    pub(super) fn map(self) -> Option<Map> {
        self.sound.then_some(Map { segments: self.segments, size: self.size })
    }
}

/// The map in PAX records: 0.1 has one list, 0.0 a record for each number.
pub(super) fn from_records(records: &Records) -> Option<Map> {
    let size = records.value("GNU.sparse.size").and_then(number::decimal)?;
    let mut numbers = Vec::new();
    if let Some(list) = records.value("GNU.sparse.map") {
        for text in list.split(|byte| *byte == b',') {
            numbers.push(number::decimal(text)?);
        }
    } else {
        for (key, value) in records.iter() {
            let offset = match key {
                b"GNU.sparse.offset" => true,
                b"GNU.sparse.numbytes" => false,
                _ => continue,
            };
            if offset != numbers.len().is_multiple_of(2) {
                return None;
            }
            numbers.push(number::decimal(value)?);
        }
    }
    let count = records.value("GNU.sparse.numblocks").and_then(number::decimal)?;
    let segments = pairs(&numbers)?;
    (segments.len() as u64 == count).then_some(Map { segments, size })
}

fn pairs(numbers: &[u64]) -> Option<Vec<(u64, u64)>> {
    let (pairs, rest) = numbers.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[offset, length]| (*offset, *length)).collect())
}

/// Form 1.0: the number of pieces, then offset and length of each, a line for each number.
#[derive(Debug, Default)]
pub(super) struct Lines {
    numbers: Vec<u64>,
    partial: Vec<u8>,
}

impl Lines {
    /// How many numbers there are so far.
    pub(super) fn count(&self) -> usize {
        self.numbers.len()
    }

    pub(super) fn is_complete(&self) -> bool {
        let expected = self.numbers.first().map(|count| count.saturating_mul(2).saturating_add(1));
        expected.is_some_and(|expected| self.numbers.len() as u64 >= expected)
    }

    /// Takes one block; `false` when it holds something else than numbers.
    pub(super) fn take(&mut self, block: &[u8; BLOCK]) -> bool {
        for byte in block {
            if self.is_complete() {
                break;
            }
            if *byte != b'\n' {
                self.partial.push(*byte);
                continue;
            }
            match number::decimal(&std::mem::take(&mut self.partial)) {
                Some(number) => self.numbers.push(number),
                None => return false,
            }
        }
        self.partial.len() <= 20
    }

    pub(super) fn map(&self, size: u64) -> Option<Map> {
        Some(Map { segments: pairs(self.numbers.get(1..)?)?, size })
    }
}
