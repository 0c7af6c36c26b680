//! The text of a file, and behind it what was put together from pieces of it.
//!
//! A continued instruction is one text for its reader and several runs of bytes in the file. It is
//! written once, behind the file's own text, with a segment for each run:
//!
//! ```text
//! text    R U N \ ⏎ a   b ⏎ │ R U N   a   b
//!         └── the file ───┘   └─┬─┘ └──┬──┘
//!                   bytes 0..3 ─┘      └─ bytes 5..8
//! ```
//!
//! So every text of the tree is a range of one buffer, and needs no memory of its own. A text
//! whose escapes are resolved has a small buffer to itself.

use crate::span::Span;
use std::ops::Range;

/// A text, and where in the file its bytes come from.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    text: String,
    /// Up to here the text is the file itself: an offset is its own place.
    file: usize,
    segments: Vec<Segment>,
}

/// A run of the text and the bytes of the file it was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    text: Range<usize>,
    /// Of another length than the run if that was written as an escape.
    source: Span,
}

impl Segment {
    /// Byte for byte as in the file.
    const fn is_verbatim(&self) -> bool {
        self.source.len() == self.text.end.saturating_sub(self.text.start)
    }
}

impl Buffer {
    /// The text of a file, with room for all that can be joined from it.
    pub(crate) fn of_file(source: &str) -> Self {
        let mut text = String::with_capacity(source.len().saturating_mul(2).saturating_add(1));
        text.push_str(source);
        // What is at the end of the file is not in front of what follows.
        text.push('\n');
        Self { text, file: source.len(), segments: Vec::new() }
    }

    /// A text that was made from one place of the file.
    pub(crate) fn of_place(text: String, source: Span) -> Self {
        let segments = vec![Segment { text: 0..text.len(), source }];
        Self { text, file: 0, segments }
    }

    /// The file as it is.
    pub(crate) fn file(&self) -> &str {
        self.text(0..self.file)
    }

    pub(crate) fn text(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or("")
    }

    /// Length of the text so far.
    pub(crate) const fn len(&self) -> usize {
        self.text.len()
    }

    /// Adds a text that was made from `source`.
    pub(crate) fn push(&mut self, text: &str, source: Span) {
        if text.is_empty() {
            return;
        }
        let start = self.text.len();
        self.text.push_str(text);
        let added = Segment { text: start..self.text.len(), source };
        match self.segments.last_mut() {
            Some(last) if last.text.end == start && continues(last, &added) => {
                last.text.end = added.text.end;
                last.source.end = source.end;
            }
            _ => self.segments.push(added),
        }
    }

    /// Ends a text that started at `start`, so that the next one stands apart from it. An empty
    /// one stands at `place`.
    pub(crate) fn close(&mut self, start: usize, place: usize) {
        if self.text.len() == start {
            self.segments.push(Segment { text: start..start, source: Span::point(place) });
        }
        self.text.push('\n');
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
        if range.end <= self.file {
            return Span::new(range.start, range.end.max(range.start));
        }
        let Some(first) = segment(segments, range.start) else { return Span::point(self.file) };
        let start = if range.start >= first.text.end {
            first.source.end
        } else if first.is_verbatim() {
            first.source.start.saturating_add(range.start.saturating_sub(first.text.start))
        } else {
            first.source.start
        };
        if range.end <= range.start {
            return Span::point(start);
        }
        let one = range.end <= first.text.end;
        let last = if one { Some(first) } else { segment(segments, range.end.saturating_sub(1)) };
        let end = last.map_or(start, |last| match last.is_verbatim() {
            true => last.source.start.saturating_add(range.end.saturating_sub(last.text.start)),
            false => last.source.end,
        });
        let limit = last.map_or(start, |last| last.source.end);
        Span::new(start, end.min(limit).max(start))
    }

    /// The runs of `range` that stand in the file without a gap.
    pub(crate) fn runs(&self, range: Range<usize>) -> impl Iterator<Item = (&str, Span)> {
        let mut from = range.start;
        std::iter::from_fn(move || {
            let gap = match segment(&self.segments, from) {
                Some(segment) if from >= self.file => segment.text.end,
                _ => range.end,
            };
            let to = gap.clamp(from, range.end);
            let run = from..to;
            from = to;
            (!run.is_empty()).then(|| (self.text(run.clone()), self.span(run)))
        })
    }
}

/// True if a segment follows another in text and file alike.
const fn continues(last: &Segment, next: &Segment) -> bool {
    last.source.end == next.source.start && last.is_verbatim() && next.is_verbatim()
}

/// The last segment that starts at or in front of an offset, else the first one.
fn segment(segments: &[Segment], offset: usize) -> Option<&Segment> {
    let next = segments.partition_point(|segment| segment.text.start <= offset);
    segments.get(next.saturating_sub(1))
}
