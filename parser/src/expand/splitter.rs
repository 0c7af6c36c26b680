//! Collects words from text that arrives piece by piece.

use crate::expand::ExpandedWord;
use std::ops::Range;

/// The words so far, and the one that is growing.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    words: Vec<ExpandedWord>,
    text: String,
    range: Range<usize>,
}

impl Splitter {
    /// Adds text in which white space ends a word. `range` is where it was written.
    ///
    /// `literal` says that the text has the length of the range: then its words have exact places.
    pub(super) fn push(&mut self, text: &str, range: &Range<usize>, literal: bool) {
        let mut at = range.start;
        for piece in text.split_inclusive(char::is_whitespace) {
            let word = piece.trim_end_matches(char::is_whitespace);
            let place = if literal { at..at + word.len() } else { range.clone() };
            self.push_protected(word, &place);
            if word.len() < piece.len() {
                self.end_word();
            }
            at += piece.len();
        }
    }

    /// Adds text that belongs to one word, white space and all.
    pub(super) fn push_protected(&mut self, text: &str, range: &Range<usize>) {
        if text.is_empty() {
            return;
        }
        if self.text.is_empty() {
            self.range = range.clone();
        }
        self.text.push_str(text);
        self.range.end = range.end;
    }

    pub(super) fn finish(mut self) -> Vec<ExpandedWord> {
        self.end_word();
        self.words
    }

    fn end_word(&mut self) {
        if !self.text.is_empty() {
            let text = std::mem::take(&mut self.text);
            self.words.push(ExpandedWord { text, range: self.range.clone() });
        }
    }
}
