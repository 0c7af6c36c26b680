//! A part of a logical line, with its place.

use crate::buffer::{Buffer, Segment};
use crate::span::{Span, Spanned};
use crate::text::Text;
use crate::word::Word;
use std::ops::Range;
use std::sync::Arc;

/// The bytes `start..end` of a buffer, inside one logical line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fragment<'l> {
    buffer: &'l Arc<Buffer>,
    /// Those of the line.
    segments: &'l [Segment],
    start: usize,
    end: usize,
}

impl<'l> Fragment<'l> {
    /// A whole line.
    pub(crate) const fn line(
        buffer: &'l Arc<Buffer>,
        segments: &'l [Segment],
        range: Range<usize>,
    ) -> Self {
        Self { buffer, segments, start: range.start, end: range.end }
    }

    pub(crate) fn as_str(&self) -> &'l str {
        self.buffer.text(self.start..self.end)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.end <= self.start
    }

    const fn len(&self) -> usize {
        self.end.saturating_sub(self.start)
    }

    pub(crate) fn span(&self) -> Span {
        self.buffer.span_in(self.segments, self.start..self.end)
    }

    /// The part at `range`, counted from the fragment's own start.
    pub(crate) fn part(&self, range: Range<usize>) -> Self {
        let end = self.start.saturating_add(range.end).min(self.end);
        let start = self.start.saturating_add(range.start).min(end);
        Self { start, end, ..*self }
    }

    /// Splits into the first `length` bytes and the rest.
    pub(crate) fn split_at(&self, length: usize) -> (Self, Self) {
        (self.part(0..length), self.part(length..self.len()))
    }

    /// From the start of this fragment to the end of a later one of the same line.
    pub(crate) fn up_to(&self, later: &Self) -> Self {
        Self { end: later.end.max(self.start), ..*self }
    }

    /// What is left when `rest`, a tail of the text, is all that was not read.
    pub(crate) fn tail(&self, rest: &str) -> Self {
        let start = self.end.saturating_sub(rest.len()).max(self.start);
        Self { start, ..*self }
    }

    /// What was read when `rest`, a tail of the text, is all that was not.
    pub(crate) fn head(&self, rest: &str) -> Self {
        let end = self.end.saturating_sub(rest.len()).max(self.start);
        Self { end, ..*self }
    }

    pub(crate) fn trim_start(&self) -> Self {
        self.tail(self.as_str().trim_start())
    }

    pub(crate) fn trim(&self) -> Self {
        let front = self.trim_start();
        front.part(0..front.as_str().trim_end().len())
    }

    pub(crate) fn text(&self) -> Text {
        Text::new(Arc::clone(self.buffer), self.start..self.end)
    }

    pub(crate) fn word(&self) -> Word {
        Word { text: self.text(), span: self.span() }
    }

    pub(crate) fn spanned(&self) -> Spanned<Text> {
        Spanned::new(self.text(), self.span())
    }
}

/// A word whose text is not its source: without quotes, or with escapes resolved.
#[derive(Debug, Default)]
pub(crate) struct WordBuilder {
    buffer: Buffer,
}

impl WordBuilder {
    /// Adds a fragment as it is.
    pub(crate) fn push(&mut self, fragment: Fragment<'_>) {
        for (text, span) in fragment.buffer.runs(fragment.start..fragment.end) {
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
        let range = 0..self.buffer.len();
        self.buffer.close(range.start, span.start);
        Word { text: Text::new(Arc::new(self.buffer), range), span }
    }
}
