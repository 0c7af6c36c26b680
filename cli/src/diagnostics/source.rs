//! A Dockerfile as the user knows it: its name, its text, and the places in it as people and tools
//! count them.

use lapstrake_parser::{Diagnostic, Span};
use memchr::memchr_iter;
use serde::Serialize;

use crate::text::harmless;

const BYTE_ORDER_MARK: char = '\u{feff}';

/// A Dockerfile, decoded.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    name: String,
    text: String,
    /// Where each line starts in the text.
    starts: Vec<usize>,
    /// Where the text has a replacement character for bytes that are no UTF-8.
    replaced: Vec<Replaced>,
}

/// The end of a replaced sequence.
#[derive(Clone, Copy, Debug)]
struct Replaced {
    text: usize,
    file: usize,
}

/// A place in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Position {
    /// From 1.
    pub(super) line: usize,
    /// In characters (Unicode scalar values), from 1. A byte order mark is none.
    pub(super) column: usize,
    /// In bytes, from 1. A byte order mark has none.
    pub(super) byte_column: usize,
    /// In bytes from the start of the file as it is on disk.
    pub(super) offset: usize,
}

impl Source {
    /// Decodes a file. `name` is the path to show. The diagnostic, if there is one, warns that the
    /// file is not UTF-8.
    pub(crate) fn read(name: &str, bytes: &[u8]) -> (Self, Option<Diagnostic>) {
        let (text, fault) = lapstrake_parser::decode(bytes);
        let replaced = if fault.is_some() { replaced(bytes) } else { Vec::new() };
        let text = text.into_owned();
        let behind = memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1);
        let starts = std::iter::once(0).chain(behind).collect();
        (Self { name: harmless(name), text, starts, replaced }, fault)
    }

    /// What is to be parsed. Spans of diagnostics count in it.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether the text has all that the file has: every byte of it was UTF-8.
    pub(crate) fn is_whole(&self) -> bool {
        self.replaced.is_empty()
    }

    /// The path to show.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The place of an offset in the text; one past the end counts as the end.
    pub(super) fn position(&self, offset: usize) -> Position {
        let offset = offset.min(self.text.len());
        let line = self.line_of(offset);
        let start = self.line_start(line);
        let before = self.text.get(start..offset).unwrap_or_default();
        let column = before.chars().count() + 1;
        let offset = self.in_file(offset);
        let byte_column = offset.saturating_sub(self.in_file(start)) + 1;
        Position { line: line + 1, column, byte_column, offset }
    }

    /// Number of the line that holds an offset, from 1.
    pub(crate) fn line_at(&self, offset: usize) -> usize {
        self.line_of(offset) + 1
    }

    /// Number of the line that holds an offset, from 0.
    pub(super) fn line_of(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// Number of lines. What is behind the last line end is one only if something is there.
    pub(super) fn lines(&self) -> usize {
        match self.text.ends_with('\n') {
            true => self.starts.len() - 1,
            false => self.starts.len(),
        }
    }

    /// Where a line starts, behind a byte order mark.
    pub(super) fn line_start(&self, line: usize) -> usize {
        let start = self.starts.get(line).copied().unwrap_or(self.text.len());
        let marked = line == 0 && self.text.starts_with(BYTE_ORDER_MARK);
        if marked { BYTE_ORDER_MARK.len_utf8() } else { start }
    }

    /// A line without its end.
    pub(super) fn line(&self, line: usize) -> &str {
        let end = self.starts.get(line + 1).copied().unwrap_or(self.text.len());
        let text = self.text.get(self.line_start(line)..end).unwrap_or_default();
        text.trim_end_matches(['\n', '\r'])
    }

    /// The span inside of the text, without the line end behind it. What is missing at the end of
    /// the file is missing on its last line, not behind it.
    pub(super) fn fitting(&self, span: Span) -> Span {
        let length = self.text.len();
        let end = span.end.min(length);
        let last_line = self.lines().saturating_sub(1);
        let last = self.line_start(last_line) + self.line(last_line).len();
        let start = if span.start < length { span.start.min(end) } else { last };
        let start = start.max(self.line_start(0));
        let text = self.text.get(start..end).unwrap_or_default();
        Span::new(start, start + text.trim_end_matches(['\n', '\r']).len())
    }

    /// Whether the file has the very bytes that the text has at this place.
    pub(super) fn is_verbatim(&self, span: Span) -> bool {
        let next = self.replaced.partition_point(|replaced| replaced.text <= span.start);
        self.replaced.get(next).is_none_or(|replaced| {
            replaced.text.saturating_sub(char::REPLACEMENT_CHARACTER.len_utf8()) >= span.end
        })
    }

    /// The span without blanks at its ends.
    pub(super) fn trimmed(&self, span: Span) -> Span {
        let text = self.text.get(span.range()).unwrap_or_default();
        let start = span.start + text.len() - text.trim_start().len();
        Span::new(start, start + text.trim().len())
    }

    fn in_file(&self, offset: usize) -> usize {
        let known = self.replaced.partition_point(|replaced| replaced.text <= offset);
        let last = known.checked_sub(1).and_then(|last| self.replaced.get(last));
        last.map_or(offset, |last| offset - last.text + last.file)
    }
}

/// The sequences that decoding replaces, in order.
fn replaced(bytes: &[u8]) -> Vec<Replaced> {
    let (mut text, mut file) = (0, 0);
    let mut found = Vec::new();
    for chunk in bytes.utf8_chunks() {
        text += chunk.valid().len();
        file += chunk.valid().len();
        if !chunk.invalid().is_empty() {
            text += char::REPLACEMENT_CHARACTER.len_utf8();
            file += chunk.invalid().len();
            found.push(Replaced { text, file });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(source: &Source, offset: usize) -> (usize, usize, usize, usize) {
        let Position { line, column, byte_column, offset } = source.position(offset);
        (line, column, byte_column, offset)
    }

    #[test]
    fn characters_and_bytes_are_both_counted() {
        let (source, _) = Source::read("d", "FROM a\nRUN é日x\n".as_bytes());
        assert_eq!(place(&source, 0), (1, 1, 1, 0));
        assert_eq!(place(&source, source.text().find('x').unwrap()), (2, 7, 10, 16));
        assert_eq!(place(&source, 1000), (3, 1, 1, 18));
        assert_eq!(source.lines(), 2);
    }

    #[test]
    fn a_byte_order_mark_has_no_column() {
        let (source, _) = Source::read("d", "\u{feff}FROM a\n".as_bytes());
        assert_eq!(place(&source, 3), (1, 1, 1, 3));
        assert_eq!(place(&source, 8), (1, 6, 6, 8));
        assert_eq!(source.fitting(Span::new(0, 7)), Span::new(3, 7));
    }

    #[test]
    fn offsets_are_those_of_the_file_when_bytes_were_replaced() {
        let (source, fault) = Source::read("d", b"RUN \xff\xfe x\nRUN \xf0\x9f y\n");
        assert!(fault.is_some());
        let x = source.text().find('x').unwrap();
        assert_eq!(place(&source, x), (1, 8, 8, 7));
        let y = source.text().find('y').unwrap();
        assert_eq!(place(&source, y), (2, 7, 8, 16));
        assert!(source.is_verbatim(Span::new(0, 4)) && source.is_verbatim(Span::new(10, 12)));
        assert!(!source.is_verbatim(Span::new(0, 5)) && !source.is_verbatim(Span::new(4, 10)));
    }

    #[test]
    fn spans_fit_into_the_text() {
        for (text, span, fitting) in [
            ("", (0, 0), (0, 0)),
            ("FROM a", (6, 6), (6, 6)),
            ("FROM a\n", (7, 7), (6, 6)),
            ("FROM a\r\nRUN b\r\n", (8, 15), (8, 13)),
            ("FROM a\n", (90, 100), (6, 6)),
            ("# a\n# b\n", (8, 8), (7, 7)),
            ("# a\n\n\n", (6, 6), (5, 5)),
        ] {
            let (source, _) = Source::read("d", text.as_bytes());
            let found = source.fitting(Span::new(span.0, span.1));
            assert_eq!((found.start, found.end), fitting, "{text:?}");
        }
    }
}
