//! A part of a logical line, with its place.

use crate::buffer::{Buffer, Segment};
use crate::span::{Span, Spanned};
use crate::split;
use crate::text::Text;
use crate::word::{Word, WordExtent};
use std::ops::Range;
use std::sync::Arc;

/// What the fragments of a logical line share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'l> {
    pub(crate) buffer: &'l Arc<Buffer>,
    /// The segments of the buffer that belong to the line.
    pub(crate) segments: &'l [Segment],
}

/// A piece of a buffer, inside one logical line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fragment<'l> {
    line: &'l Line<'l>,
    /// Offset of the text in the buffer.
    start: usize,
    text: &'l str,
}

impl<'l> Fragment<'l> {
    /// A whole line.
    pub(crate) fn whole(line: &'l Line<'l>, range: Range<usize>) -> Self {
        Self { line, start: range.start, text: line.buffer.text(range) }
    }

    pub(crate) const fn as_str(&self) -> &'l str {
        self.text
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    fn range(&self) -> Range<usize> {
        self.start..self.start.saturating_add(self.text.len())
    }

    #[inline]
    pub(crate) fn span(&self) -> Span {
        let range = self.range();
        match self.line.segments {
            [] => Span::new(range.start, range.end),
            segments => self.line.buffer.span_in(segments, range),
        }
    }

    /// The part at `range`, counted from the fragment's own start.
    pub(crate) fn part(&self, range: Range<usize>) -> Self {
        self.split_at(range.end).0.split_at(range.start).1
    }

    /// Splits into the first `length` bytes and the rest.
    pub(crate) fn split_at(&self, length: usize) -> (Self, Self) {
        let (text, rest) = self.text.split_at_checked(length).unwrap_or((self.text, ""));
        (Self { text, ..*self }, self.tail(rest))
    }

    /// Splits at the first `byte`, which must be ASCII and belongs to neither part.
    pub(crate) fn split_once(&self, byte: u8) -> Option<(Self, Self)> {
        let (front, behind) = self.split_at(self.text.bytes().position(|one| one == byte)?);
        Some((front, behind.split_at(1).1))
    }

    /// From the start of this fragment to the end of a later one of the same line.
    pub(crate) fn up_to(&self, later: &Self) -> Self {
        let whole = self.start..later.range().end.max(self.start);
        Self::whole(self.line, whole)
    }

    /// What is left when `rest`, a tail of the text, is all that was not read.
    pub(crate) const fn tail(&self, rest: &'l str) -> Self {
        let read = self.text.len().saturating_sub(rest.len());
        Self { start: self.start.saturating_add(read), text: rest, ..*self }
    }

    /// What was read when `rest`, a tail of the text, is all that was not.
    pub(crate) fn head(&self, rest: &str) -> Self {
        self.split_at(self.text.len().saturating_sub(rest.len())).0
    }

    pub(crate) fn trim_start(&self) -> Self {
        self.tail(split::trim_start(self.text))
    }

    pub(crate) fn trim_end(&self) -> Self {
        Self { text: split::trim_end(self.text), ..*self }
    }

    pub(crate) fn text(&self) -> Text {
        Text::new(Arc::clone(self.line.buffer), self.range())
    }

    pub(crate) fn word(&self) -> Word {
        Word::new(self.text(), WordExtent::Text)
    }

    pub(crate) fn spanned(&self) -> Spanned<Text> {
        Spanned::new(self.text(), self.span())
    }
}

/// A word whose text is not its source: without quotes, or with escapes resolved.
#[derive(Debug)]
pub(crate) struct WordBuilder {
    buffer: Buffer,
    start: usize,
}

impl WordBuilder {
    pub(crate) fn new() -> Self {
        let buffer = Buffer::default();
        Self { start: buffer.end(), buffer }
    }

    /// Adds a fragment as it is.
    pub(crate) fn push(&mut self, fragment: Fragment<'_>) {
        for (text, span) in fragment.line.buffer.runs(fragment.range()) {
            self.buffer.push(text, span);
        }
    }

    /// Adds text that `fragment` stands for.
    pub(crate) fn push_decoded(&mut self, text: char, fragment: Fragment<'_>) {
        self.buffer.push(text.encode_utf8(&mut [0; 4]), fragment.span());
    }

    /// The word that stands at `whole`.
    pub(crate) fn finish(mut self, whole: Fragment<'_>) -> Word {
        let span = whole.span();
        let range = self.start..self.buffer.end();
        self.buffer.close(range.start, span.start);
        self.buffer.set_source(span);
        Word::new(Text::new(Arc::new(self.buffer), range), WordExtent::Source)
    }
}
