//! A piece of an instruction as it was written.

use crate::span::Span;
use crate::text::Text;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;

/// Text of an instruction with the place of each of its bytes.
///
/// The text is raw: quotes, escapes and variables are kept, only line continuations are gone. An
/// element of a JSON array is the exception: its escapes are resolved.
#[derive(Clone)]
pub struct Word {
    /// The text, without line continuations.
    pub text: Text,
    extent: WordExtent,
}

/// What belongs to a word besides its text.
#[derive(Clone, Copy, Debug)]
pub(crate) enum WordExtent {
    /// Nothing.
    Text,
    /// One character on either side: quotes.
    Quoted,
    /// All that its text, which is in a buffer of its own, was made from.
    Source,
}

impl Word {
    pub(crate) const fn new(text: Text, extent: WordExtent) -> Self {
        Self { text, extent }
    }

    /// From the first byte to the last, line continuations and JSON quotes included.
    pub fn span(&self) -> Span {
        match self.extent {
            WordExtent::Text => self.text.place(),
            WordExtent::Quoted => self.text.place_with_quotes(),
            WordExtent::Source => self.text.source(),
        }
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
        Self { text: self.text.skip(offset), extent: WordExtent::Text }
    }
}

impl PartialEq for Word {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, self.span()) == (&other.text, other.span())
    }
}

impl Eq for Word {}

impl Hash for Word {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.text, self.span()).hash(state);
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Word").field("text", &self.text).field("span", &self.span()).finish()
    }
}
