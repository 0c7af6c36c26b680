//! From a text that was put together from pieces of the source back to the source.
//!
//! A continued instruction is one text for its reader and several runs of bytes in the file. A
//! JSON string is written with escapes. Both keep a list of segments:
//!
//! ```text
//! text    R U N   a   b
//!         |-----|-----|          offsets in the text
//! source  R U N \ ⏎ a   b        segment 1 -> bytes 0..4, segment 2 -> bytes 6..9
//! ```

use crate::span::Span;
use std::ops::Range;
use std::sync::Arc;

/// A run of the text and the source bytes it was made from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Segment {
    /// Where the run starts in the text. It ends where the next one starts.
    text: usize,
    /// The source bytes. Of another length than the run if it was written as an escape.
    source: Span,
}

/// Maps byte offsets of one text to the source file. Cheap to copy and to cut.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SourceMap {
    /// Without segments the source offset of the text's first byte, else its offset in the text
    /// that the segments are of.
    base: usize,
    segments: Option<Arc<[Segment]>>,
}

impl SourceMap {
    /// A text that stands in the source as it is, from `base` on.
    pub const fn contiguous(base: usize) -> Self {
        Self { base, segments: None }
    }

    /// The source bytes that the bytes `range` of the text were made from.
    pub fn span(&self, range: Range<usize>) -> Span {
        let start = self.start(range.start);
        if range.end <= range.start {
            return Span::point(start);
        }
        Span::new(start, self.end(range.end).max(start))
    }

    /// The map of the part of the text at `range`, whose offsets count from `range.start`.
    pub fn slice(&self, range: Range<usize>) -> Self {
        let base = self.base + range.start;
        let Some(segments) = &self.segments else { return Self::contiguous(base) };
        let (segment, length) = segment(segments, base);
        let contiguous = length == segment.source.len();
        if contiguous && base + range.len() <= segment.text + length {
            return Self::contiguous(segment.source.start + base.saturating_sub(segment.text));
        }
        Self { base, segments: Some(Arc::clone(segments)) }
    }

    /// The offset up to which the source runs on without a gap from `offset`.
    pub(crate) fn run_end(&self, offset: usize) -> usize {
        match &self.segments {
            None => usize::MAX,
            Some(segments) => {
                let (segment, length) = segment(segments, self.base + offset);
                (segment.text + length).saturating_sub(self.base).max(offset + 1)
            }
        }
    }

    fn start(&self, offset: usize) -> usize {
        let offset = self.base + offset;
        let Some(segments) = &self.segments else { return offset };
        let (segment, length) = segment(segments, offset);
        let inside = offset.saturating_sub(segment.text);
        if inside >= length {
            segment.source.end
        } else if segment.source.len() == length {
            segment.source.start + inside
        } else {
            segment.source.start
        }
    }

    fn end(&self, offset: usize) -> usize {
        let offset = self.base + offset;
        let Some(segments) = &self.segments else { return offset };
        let (segment, length) = segment(segments, offset.saturating_sub(1));
        let inside = offset.saturating_sub(segment.text);
        if segment.source.len() == length {
            (segment.source.start + inside).min(segment.source.end)
        } else {
            segment.source.end
        }
    }
}

/// The segment that holds an offset, and its length in the text.
fn segment(segments: &[Segment], offset: usize) -> (Segment, usize) {
    let next = segments.partition_point(|segment| segment.text <= offset).max(1);
    let segment = segments.get(next - 1).copied().unwrap_or_default();
    let length = match segments.get(next) {
        Some(next) => next.text - segment.text,
        None => segment.source.len(),
    };
    (segment, length)
}

/// Collects the segments of a text that is being put together.
#[derive(Clone, Debug, Default)]
pub(crate) struct SourceMapBuilder {
    segments: Vec<Segment>,
    length: usize,
}

impl SourceMapBuilder {
    /// Notes that the next `length` bytes of the text were made from `source`.
    pub(crate) fn push(&mut self, length: usize, source: Span) {
        if length == 0 {
            return;
        }
        if !self.extend_last(length, source) {
            self.segments.push(Segment { text: self.length, source });
        }
        self.length += length;
    }

    /// Ends the map, and is empty again. `base` is where an empty text stands.
    pub(crate) fn finish(&mut self, base: usize) -> SourceMap {
        let length = std::mem::take(&mut self.length);
        let map = match self.segments.as_slice() {
            [] => SourceMap::contiguous(base),
            [only] if only.source.len() == length => SourceMap::contiguous(only.source.start),
            [.., last] => {
                // The last segment's length is its source's: an escape needs one behind it.
                if last.source.len() != length - last.text {
                    let source = Span::point(last.source.end);
                    self.segments.push(Segment { text: length, source });
                }
                SourceMap { base: 0, segments: Some(Arc::from(self.segments.as_slice())) }
            }
        };
        self.segments.clear();
        map
    }

    /// Grows the last segment if the new run follows it in text and source alike.
    fn extend_last(&mut self, length: usize, source: Span) -> bool {
        let end = self.length;
        match self.segments.last_mut() {
            Some(last)
                if source.len() == length
                    && last.source.end == source.start
                    && last.source.len() == end - last.text =>
            {
                last.source.end = source.end;
                true
            }
            _ => false,
        }
    }
}
