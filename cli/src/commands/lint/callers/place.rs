//! Where the words of a text stand in the file that it is a value of.

use lapstrake_parser::Span;

/// The words that were found; what is behind them stands somewhere in the value.
pub(super) struct Places {
    /// Where each begins in the text and in the file, and how long it is.
    words: Vec<(usize, usize, usize)>,
    whole: Span,
}

impl Places {
    /// `whole` is where the value stands in `source`. How it is quoted, indented and folded does not matter; words with
    /// something in them that is written otherwise are not found, nor are those behind.
    pub(super) fn of(text: &str, whole: Span, source: &str) -> Self {
        let (mut words, mut start, mut from) = (Vec::new(), 0, whole.start);
        for piece in text.split_inclusive(char::is_whitespace) {
            let word = piece.trim_end();
            let rest = source.get(from..whole.end).unwrap_or_default();
            let Some(found) = memchr::memmem::find(rest.as_bytes(), word.as_bytes()) else { break };
            words.push((start, from + found, word.len()));
            from += found + word.len();
            start += piece.len();
        }
        Self { words, whole }
    }

    /// The place of a part of the text.
    pub(super) fn span(&self, part: Span) -> Span {
        let word = self.words.partition_point(|(start, ..)| *start <= part.start).checked_sub(1);
        let found =
            word.and_then(|word| self.words.get(word)).and_then(|(start, place, length)| {
                let (from, to) = (part.start - start, part.end.checked_sub(*start)?);
                (to <= *length).then(|| Span::new(place + from, place + to))
            });
        found.unwrap_or(self.whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_in_indented_words() {
        let source = "run: |\n    a b\n\n    é a b\n";
        let text = "a b\n\né a b\n";
        let places = Places::of(text, Span::new(0, source.len()), source);
        let second = text.rfind('b').unwrap();
        let place = places.span(Span::new(second, second + 1));
        assert_eq!(place, Span::new(source.len() - 2, source.len() - 1));
        assert_eq!(places.span(Span::new(0, 1)), Span::new(11, 12));
        // What goes over a blank, and what is written otherwise.
        assert_eq!(places.span(Span::new(0, 7)), places.whole);
        let escaped = Places::of("a\u{e9}b c", Span::new(0, 11), "\"a\\u00e9b c\"");
        assert_eq!(escaped.span(Span::new(5, 6)), Span::new(0, 11));
    }
}
