//! The text of a file, and beside it what was put together from pieces of it.
//!
//! A continued instruction is one text for its reader and several runs of bytes in the file. It is
//! written once more, joined, with a segment for each run:
//!
//! ```text
//! file     R U N \ ⏎ a   b ⏎        offsets from 0
//!          └──┬──┘   └─┬─┘
//! joined   R U N a   b              offsets from one behind the end of the file
//! ```
//!
//! So every text of the tree is a range of one buffer, and needs no memory of its own. A text
//! whose escapes are resolved has a small buffer to itself, without a file.

use crate::span::Span;
use std::ops::Range;
use std::sync::Arc;

/// Longest file in bytes. Offsets in the buffer of a file, which is less than twice as long, are
/// kept in 32 bits.
pub(crate) const LONGEST_FILE: usize = 1 << 30;

/// Bytes of a line in an everyday file: the list of segments starts with room for that many.
const USUAL_LINE: usize = 64;

/// A range of offsets, each in 32 bits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extent {
    start: u32,
    end: u32,
}

impl From<Range<usize>> for Extent {
    fn from(range: Range<usize>) -> Self {
        Self { start: small(range.start), end: small(range.end) }
    }
}

impl Extent {
    pub(crate) const fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// An offset or a length that is known to be small. A larger one names no text.
fn small(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

/// A text, and where in the file its bytes come from.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    /// Up to its end the text is the file itself: an offset is its own place.
    file: Arc<str>,
    joined: String,
    segments: Vec<Segment>,
    /// What all of it was made from, if it holds one word.
    source: Span,
}

/// A run of the joined text and the bytes of the file it was made from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    /// Offset in the buffer.
    start: u32,
    length: u32,
    /// Of another length than the run if that was written as an escape.
    source_start: u32,
    source_length: u32,
}

impl Segment {
    const fn end(self) -> usize {
        self.start as usize + self.length as usize
    }

    const fn source_end(self) -> usize {
        self.source_start as usize + self.source_length as usize
    }

    /// Where the byte at `offset` of the buffer, or the one behind the run, comes from.
    const fn place(self, offset: usize) -> usize {
        let inside = offset.saturating_sub(self.start as usize);
        if inside >= self.length as usize {
            self.source_end()
        } else if self.source_length == self.length {
            self.source_start as usize + inside
        } else {
            self.source_start as usize
        }
    }

    /// The end of the source of the bytes up to `offset`.
    const fn place_behind(self, offset: usize) -> usize {
        if self.source_length == self.length { self.place(offset) } else { self.source_end() }
    }
}

impl Buffer {
    /// The buffer of a file, which must not be longer than [`LONGEST_FILE`].
    pub(crate) const fn of_file(file: Arc<str>) -> Self {
        Self { file, joined: String::new(), segments: Vec::new(), source: Span::new(0, 0) }
    }

    /// The file as it is.
    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    /// The text at a range, which lies either in the file or in what was joined.
    pub(crate) fn text(&self, range: Range<usize>) -> &str {
        let text = match range.start.checked_sub(self.file.len() + 1) {
            None => self.file.get(range),
            Some(start) => self.joined.get(start..start + range.len()),
        };
        text.unwrap_or("")
    }

    /// What all of it was made from, if that was said.
    pub(crate) const fn source(&self) -> Span {
        self.source
    }

    /// Says what all of it was made from.
    pub(crate) const fn set_source(&mut self, source: Span) {
        self.source = source;
    }

    /// Where the next text that is pushed will start.
    pub(crate) fn end(&self) -> usize {
        self.file.len() + 1 + self.joined.len()
    }

    /// Makes room for all that can be joined from `start` of the file on.
    pub(crate) fn reserve(&mut self, start: usize) {
        if self.segments.is_empty() {
            let length = self.file.len().saturating_sub(start);
            self.joined.reserve(length);
            self.segments.reserve(length / USUAL_LINE);
        }
    }

    /// Adds a text that was made from `source`.
    #[inline]
    pub(crate) fn push(&mut self, text: &str, source: Span) {
        if !text.is_empty() {
            self.add_segment(text.len(), source);
            self.joined.push_str(text);
        }
    }

    /// Adds a piece of the file.
    #[inline]
    pub(crate) fn push_piece(&mut self, piece: Span) {
        if piece.is_empty() {
            return;
        }
        self.add_segment(piece.len(), piece);
        let end = self.joined.len() + piece.len();
        // Most pieces are short, and to copy as many bytes each time is far quicker than to copy
        // just enough of them.
        match self.file.get(piece.start..piece.start + USUAL_LINE) {
            Some(more) if piece.len() <= USUAL_LINE => {
                self.joined.push_str(more);
                self.joined.truncate(end);
            }
            _ => self.joined.push_str(self.file.get(piece.range()).unwrap_or("")),
        }
    }

    /// Ends a text that started at `start`, so that the next one stands apart from it. An empty
    /// one stands at `place`.
    pub(crate) fn close(&mut self, start: usize, place: usize) {
        if self.end() == start {
            self.add_segment(0, Span::point(place));
        }
        self.joined.push('\n');
    }

    #[inline]
    fn add_segment(&mut self, length: usize, source: Span) {
        self.segments.push(Segment {
            start: small(self.end()),
            length: small(length),
            source_start: small(source.start),
            source_length: small(source.len()),
        });
    }

    /// Where the next segment will stand among the segments.
    pub(crate) const fn mark(&self) -> usize {
        self.segments.len()
    }

    /// The segments from a mark on up to another.
    pub(crate) fn segments(&self, marks: Range<usize>) -> &[Segment] {
        self.segments.get(marks).unwrap_or(&[])
    }

    /// The bytes of the file that the text at `range` was made from.
    pub(crate) fn span(&self, range: Range<usize>) -> Span {
        self.span_in(&self.segments, range)
    }

    /// The same, given the segments that the range lies in.
    pub(crate) fn span_in(&self, segments: &[Segment], range: Range<usize>) -> Span {
        if range.start <= self.file.len() {
            return Span::new(range.start, range.end);
        }
        let Some(first) = segment(segments, range.start) else { return Span::default() };
        let start = first.place(range.start);
        if range.end <= range.start {
            return Span::point(start);
        }
        let last = if range.end <= first.end() {
            first
        } else {
            segment(segments, range.end.saturating_sub(1)).unwrap_or(first)
        };
        Span::new(start, last.place_behind(range.end).max(start))
    }

    /// The runs of `range` that stand in the file without a gap.
    pub(crate) fn runs(&self, range: Range<usize>) -> impl Iterator<Item = (&str, Span)> {
        let mut from = range.start;
        std::iter::from_fn(move || {
            let gap = match segment(&self.segments, from) {
                Some(segment) if from > self.file.len() => segment.end(),
                _ => range.end,
            };
            let to = gap.clamp(from, range.end.max(from));
            let run = from..to;
            from = to;
            (!run.is_empty()).then(|| (self.text(run.clone()), self.span(run)))
        })
    }
}

/// The last segment that starts at or in front of an offset, else the first one.
fn segment(segments: &[Segment], offset: usize) -> Option<Segment> {
    // Where most words are: on the first line, or at the very end.
    match segments {
        [first, second, ..] if offset < second.start as usize => return Some(*first),
        [.., last] if offset >= last.start as usize => return Some(*last),
        _ => {}
    }
    let next = segments.partition_point(|segment| segment.start as usize <= offset);
    segments.get(next.saturating_sub(1)).copied()
}
