//! A piece of an instruction as it was written.

use crate::span::Span;
use crate::text::Text;
use std::ops::Range;

/// Text of an instruction with the place of each of its bytes.
///
/// The text is raw: quotes, escapes and variables are kept, only line continuations are gone. An
/// element of a JSON array is the exception: its escapes are resolved.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Word {
    /// The text, without line continuations.
    pub text: Text,
    /// From the first byte to the last, line continuations and JSON quotes included.
    pub span: Span,
}

impl Word {
    /// A word that stands in the source as it is: `text` has the length of `span`.
    pub fn new(text: impl AsRef<str>, span: Span) -> Self {
        Self { text: Text::of_place(text.as_ref(), span), span }
    }

    /// The text as a slice.
    pub fn as_str(&self) -> &str {
        self.text.as_str()
    }

    /// The source bytes that the bytes `range` of the text were made from.
    ///
    /// Right across line continuations and escapes: an error about `${x}` inside a word can
    /// underline just that.
    pub fn span_of(&self, range: Range<usize>) -> Span {
        self.text.span(range)
    }

    /// The word without its first `offset` bytes, which must lie on a character boundary.
    ///
    /// An offset that does not, or that is past the end, gives an empty word at the end.
    #[must_use]
    pub fn skip(&self, offset: usize) -> Self {
        let text = self.text.skip(offset);
        let span = text.span(0..text.len());
        Self { text, span }
    }
}
