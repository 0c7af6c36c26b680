//! A part of a logical line, with its place.

use crate::logical::LogicalText;
use crate::source_map::SourceMapBuilder;
use crate::span::{Span, Spanned};
use crate::word::Word;
use std::ops::Range;

/// The bytes `start..end` of a logical line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fragment<'l> {
    line: &'l LogicalText<'l>,
    start: usize,
    end: usize,
}

impl<'l> Fragment<'l> {
    /// The whole line.
    pub(crate) fn whole(line: &'l LogicalText<'l>) -> Self {
        Self { line, start: 0, end: line.text.len() }
    }

    pub(crate) fn text(&self) -> &'l str {
        self.line.text.get(self.start..self.end).unwrap_or("")
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.end <= self.start
    }

    pub(crate) fn span(&self) -> Span {
        self.line.map.span(self.start..self.end)
    }

    /// The part at `range`, counted from the fragment's own start.
    pub(crate) fn part(&self, range: Range<usize>) -> Self {
        let start = self.start.saturating_add(range.start).min(self.end);
        let end = self.start.saturating_add(range.end).min(self.end).max(start);
        Self { line: self.line, start, end }
    }

    /// Splits into the first `length` bytes and the rest.
    pub(crate) fn split_at(&self, length: usize) -> (Self, Self) {
        (self.part(0..length), self.part(length..self.end.saturating_sub(self.start)))
    }

    /// What is left when `rest`, a tail of the text, is all that was not read.
    pub(crate) fn tail(&self, rest: &str) -> Self {
        let start = self.end.saturating_sub(rest.len()).max(self.start);
        Self { line: self.line, start, end: self.end }
    }

    /// What was read when `rest`, a tail of the text, is all that was not.
    pub(crate) fn head(&self, rest: &str) -> Self {
        let end = self.end.saturating_sub(rest.len()).max(self.start);
        Self { line: self.line, start: self.start, end }
    }

    pub(crate) fn trim(&self) -> Self {
        let text = self.text();
        let end = self.start.saturating_add(text.trim_end().len());
        let start = self.end.saturating_sub(text.trim_start().len()).min(end);
        Self { line: self.line, start, end }
    }

    pub(crate) fn word(&self) -> Word {
        let map = self.line.map.slice(self.start..self.end);
        Word::with_map(self.text().to_owned(), self.span(), map)
    }

    pub(crate) fn spanned(&self) -> Spanned<String> {
        Spanned::new(self.text().to_owned(), self.span())
    }
}

/// A word whose text is not its source: without quotes, or with escapes resolved.
#[derive(Debug, Default)]
pub(crate) struct WordBuilder {
    text: String,
    map: SourceMapBuilder,
}

impl WordBuilder {
    /// Adds a fragment as it is.
    pub(crate) fn push(&mut self, fragment: Fragment<'_>) {
        let segments = fragment.text();
        self.text.push_str(segments);
        // A fragment may cross a continuation: each line of it is a segment of its own.
        let line = &fragment.line.map;
        let mut from = fragment.start;
        while from < fragment.end {
            let to = line.run_end(from).min(fragment.end);
            self.map.push(to.saturating_sub(from), line.span(from..to));
            from = to;
        }
    }

    /// Adds text that `fragment` stands for.
    pub(crate) fn push_decoded(&mut self, text: char, fragment: Fragment<'_>) {
        self.text.push(text);
        self.map.push(text.len_utf8(), fragment.span());
    }

    /// The word that stands at `whole`.
    pub(crate) fn finish(mut self, whole: Fragment<'_>) -> Word {
        let span = whole.span();
        Word::with_map(self.text, span, self.map.finish(span.start))
    }
}
