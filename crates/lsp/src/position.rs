//! Places as a client counts them: lines, and in a line UTF-8 or UTF-16 code units.

use lapstrake_parser::Span;
use lsp_types::{Position, PositionEncodingKind, Range};

/// What columns are counted in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Encoding {
    Utf8,
    /// What holds unless a client offers something else.
    #[default]
    Utf16,
}

impl Encoding {
    /// The best of those that the client offers.
    pub(crate) fn chosen(offered: Option<&[PositionEncodingKind]>) -> Self {
        match offered.unwrap_or_default().contains(&PositionEncodingKind::UTF8) {
            true => Self::Utf8,
            false => Self::Utf16,
        }
    }

    pub(crate) const fn kind(self) -> PositionEncodingKind {
        match self {
            Self::Utf8 => PositionEncodingKind::UTF8,
            Self::Utf16 => PositionEncodingKind::UTF16,
        }
    }

    const fn units(self, c: char) -> usize {
        match self {
            Self::Utf8 => c.len_utf8(),
            Self::Utf16 => c.len_utf16(),
        }
    }
}

/// Where the lines of a text start. They end with `\n`, `\r\n` or `\r` (LSP 3.17, text documents).
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    pub(crate) fn new(text: &str) -> Self {
        let bytes = text.as_bytes();
        let ends = bytes.iter().enumerate().filter(|(at, byte)| {
            **byte == b'\n' || **byte == b'\r' && bytes.get(at + 1) != Some(&b'\n')
        });
        Self { starts: std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect() }
    }

    /// A line without its end.
    fn line<'t>(&self, text: &'t str, line: usize) -> &'t str {
        let start = self.starts.get(line).copied().unwrap_or(text.len());
        let end = self.starts.get(line + 1).copied().unwrap_or(text.len());
        text.get(start..end).unwrap_or_default().trim_end_matches(['\r', '\n'])
    }

    /// The offset of a position. One behind the end of its line counts as that end, one behind the last
    /// line as the end of the text, one inside of a character as the start of that.
    pub(crate) fn offset(&self, text: &str, position: Position, encoding: Encoding) -> usize {
        let line = usize::try_from(position.line).unwrap_or(usize::MAX);
        let Some(start) = self.starts.get(line) else { return text.len() };
        let wanted = usize::try_from(position.character).unwrap_or(usize::MAX);
        let mut column = 0;
        let in_line = self.line(text, line);
        let found = in_line.char_indices().find(|(_, c)| {
            column += encoding.units(*c);
            column > wanted
        });
        start + found.map_or(in_line.len(), |(at, _)| at)
    }

    /// The position of an offset.
    pub(crate) fn position(&self, text: &str, offset: usize, encoding: Encoding) -> Position {
        let line = self.starts.partition_point(|start| *start <= offset).saturating_sub(1);
        let start = self.starts.get(line).copied().unwrap_or_default();
        let before = text.get(start..offset.min(text.len())).unwrap_or_default();
        let column: usize = before.chars().map(|c| encoding.units(c)).sum();
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Position { line: small(line), character: small(column) }
    }

    pub(crate) fn range(&self, text: &str, span: Span, encoding: Encoding) -> Range {
        Range {
            start: self.position(text, span.start, encoding),
            end: self.position(text, span.end, encoding),
        }
    }

    /// The span of a range; an empty one at its start if it ends before that.
    pub(crate) fn span(&self, text: &str, range: Range, encoding: Encoding) -> Span {
        let start = self.offset(text, range.start, encoding);
        Span::new(start, self.offset(text, range.end, encoding).max(start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_counted_in_what_was_agreed_on() {
        let text = "aé😀b\r\nc\rd\n";
        let lines = Lines::new(text);
        for (offset, line, utf8, utf16) in
            [(0, 0, 0, 0), (3, 0, 3, 2), (7, 0, 7, 4), (10, 1, 0, 0), (12, 2, 0, 0), (14, 3, 0, 0)]
        {
            for (encoding, column) in [(Encoding::Utf8, utf8), (Encoding::Utf16, utf16)] {
                let position = Position { line, character: column };
                assert_eq!(lines.position(text, offset, encoding), position, "{offset}");
                assert_eq!(lines.offset(text, position, encoding), offset, "{position:?}");
            }
        }
    }

    #[test]
    fn positions_outside_of_the_text_are_moved_into_it() {
        let text = "aé😀b\r\nc";
        let lines = Lines::new(text);
        let offset =
            |line, character, encoding| lines.offset(text, Position { line, character }, encoding);
        assert_eq!(offset(0, 99, Encoding::Utf16), 8);
        assert_eq!(offset(9, 0, Encoding::Utf16), text.len());
        assert_eq!(offset(u32::MAX, u32::MAX, Encoding::Utf8), text.len());
        // In the middle of a character.
        assert_eq!(offset(0, 2, Encoding::Utf8), 1);
        assert_eq!(offset(0, 3, Encoding::Utf16), 3);
        let back = Range { start: Position::new(1, 1), end: Position::new(0, 0) };
        assert_eq!(lines.span(text, back, Encoding::Utf8), Span::new(11, 11));
    }
}
