//! A piece of an instruction as it was written.

use crate::source_map::SourceMap;
use crate::span::Span;
use std::ops::Range;

/// Text of an instruction with the place of each of its bytes.
///
/// The text is raw: quotes, escapes and variables are kept, only line continuations are gone. An
/// element of a JSON array is the exception: its escapes are resolved.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Word {
    /// The text, without line continuations.
    pub text: String,
    /// From the first byte to the last, line continuations and JSON quotes included.
    pub span: Span,
    map: SourceMap,
}

impl Word {
    /// A word that stands in the source as it is: `text` has the length of `span`.
    pub fn new(text: impl Into<String>, span: Span) -> Self {
        Self::with_map(text.into(), span, SourceMap::contiguous(span.start))
    }

    /// The text as a slice.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The source bytes that the bytes `range` of the text were made from.
    ///
    /// Right across line continuations and escapes: an error about `${x}` inside a word can
    /// underline just that.
    pub fn span_of(&self, range: Range<usize>) -> Span {
        let end = range.end.min(self.text.len());
        self.map.span(range.start.min(end)..end)
    }

    /// The word without its first `offset` bytes, which must lie on a character boundary.
    ///
    /// An offset that does not, or that is past the end, gives an empty word at the end.
    #[must_use]
    pub fn skip(&self, offset: usize) -> Self {
        let text = self.text.get(offset..).unwrap_or("");
        let from = self.text.len().saturating_sub(text.len());
        let range = from..self.text.len();
        Self::with_map(text.to_owned(), self.map.span(range.clone()), self.map.slice(range))
    }

    pub(crate) const fn with_map(text: String, span: Span, map: SourceMap) -> Self {
        Self { text, span, map }
    }
}
