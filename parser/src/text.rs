//! Text that is shared, not copied.

use crate::buffer::{Buffer, Extent};
use crate::span::Span;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::{Deref, Range};
use std::sync::Arc;

/// A piece of a text that many pieces share: cheap to copy, and a `&str` to whoever reads it.
///
/// Two of them are equal if they read the same, wherever they stand.
#[derive(Clone, Default)]
pub struct Text {
    buffer: Arc<Buffer>,
    extent: Extent,
}

impl Text {
    pub(crate) fn new(buffer: Arc<Buffer>, range: Range<usize>) -> Self {
        Self { buffer, extent: range.into() }
    }

    /// A text of its own that was made from one place of the file.
    pub(crate) fn of_place(text: &str, place: Span) -> Self {
        let mut buffer = Buffer::default();
        let start = buffer.end();
        buffer.push(text, place);
        let range = start..buffer.end();
        buffer.close(start, place.start);
        Self::new(Arc::new(buffer), range)
    }

    /// The text as a slice.
    pub fn as_str(&self) -> &str {
        self.buffer.text(self.extent.range())
    }

    /// The whole file that the text comes from.
    pub(crate) fn file(&self) -> &str {
        self.buffer.file()
    }

    /// The place of the bytes `range` of this text, which must lie inside.
    pub(crate) fn span(&self, range: Range<usize>) -> Span {
        let own = self.extent.range();
        let end = own.start.saturating_add(range.end).min(own.end);
        let start = own.start.saturating_add(range.start).min(end);
        self.buffer.span(start..end)
    }

    /// The place of the whole text.
    pub(crate) fn place(&self) -> Span {
        self.buffer.span(self.extent.range())
    }

    /// The place of the text and of the character on either side of it.
    pub(crate) fn place_with_quotes(&self) -> Span {
        let own = self.extent.range();
        self.buffer.span(own.start.saturating_sub(1)..own.end.saturating_add(1))
    }

    /// What the whole buffer was made from, if it says so.
    pub(crate) fn source(&self) -> Span {
        self.buffer.source()
    }

    /// The text without its first `offset` bytes; empty if they are not whole characters.
    pub(crate) fn skip(&self, offset: usize) -> Self {
        let left = self.as_str().get(offset..).map_or(0, str::len);
        let own = self.extent.range();
        Self::new(Arc::clone(&self.buffer), own.end.saturating_sub(left)..own.end)
    }
}

impl From<&str> for Text {
    /// A text of its own.
    fn from(text: &str) -> Self {
        Self::of_place(text, Span::new(0, text.len()))
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text {}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
