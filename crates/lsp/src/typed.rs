//! What stands in front of a place in its instruction, however broken that still is.

use lapstrake_parser::{Keyword, Span};

use crate::document::Document;

const BLANKS: [char; 2] = [' ', '\t'];

/// An instruction up to a place.
pub(crate) struct Typed {
    /// The words in front of the last one.
    pub(crate) words: Vec<String>,
    /// The word that is being typed: up to the place, and possibly empty.
    pub(crate) word: String,
    /// Where that word stands.
    pub(crate) span: Span,
}

impl Typed {
    /// The instruction at an offset. Nothing in a comment.
    pub(crate) fn at(document: &Document, offset: usize) -> Option<Self> {
        let text = document.text.get(..offset)?;
        let escape = document.parsed.dockerfile.escape;
        let mut lines = text.split('\n').rev();
        let last = lines.next().unwrap_or_default();
        if last.trim_start().starts_with('#') {
            return None;
        }
        let mut joined = vec![last];
        for line in lines {
            let line = line.trim_end_matches('\r');
            match line.trim_end_matches(BLANKS).strip_suffix(escape) {
                Some(part) => joined.push(part),
                // Such lines may stand inside of an instruction.
                None if line.trim().is_empty() || line.trim_start().starts_with('#') => {}
                None => break,
            }
        }
        let joined: String = joined.into_iter().rev().collect();
        let start = last.rfind(BLANKS).map_or(0, |at| at + 1);
        let word = last.get(start..)?.to_owned();
        let front = joined.strip_suffix(word.as_str()).unwrap_or_default();
        let words = front.split_ascii_whitespace().map(str::to_owned).collect();
        Some(Self { words, span: Span::new(offset - word.len(), offset), word })
    }

    /// The instruction that the words are of, without ONBUILD, and what is behind its name.
    pub(crate) fn instruction(&self) -> Option<(Keyword, &[String])> {
        let (first, rest) = self.words.split_first()?;
        match (Keyword::parse(first)?, rest.split_first()) {
            (Keyword::Onbuild, Some((second, rest))) => Some((Keyword::parse(second)?, rest)),
            (keyword, _) => Some((keyword, rest)),
        }
    }

    /// True where the name of an instruction is to stand.
    pub(crate) fn is_name(&self) -> bool {
        match self.words.as_slice() {
            [] => true,
            [only] => Keyword::parse(only) == Some(Keyword::Onbuild),
            _ => false,
        }
    }

    /// The last `length` bytes of the word.
    pub(crate) fn tail(&self, length: usize) -> Span {
        Span::new(self.span.end.saturating_sub(length).max(self.span.start), self.span.end)
    }
}
