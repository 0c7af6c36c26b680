//! Logical lines: an instruction with its continuation lines joined (A1.2 to A1.5).

use crate::diagnostic::Diagnostic;
use crate::physical::{LONGEST_LINE, PhysicalLine, PhysicalLines};
use crate::source_map::{SourceMap, SourceMapBuilder};
use crate::span::{Span, Spanned};
use std::borrow::Cow;

/// The text of a logical line and where its bytes come from.
#[derive(Clone, Debug)]
pub(crate) struct LogicalText<'a> {
    pub(crate) text: Cow<'a, str>,
    pub(crate) map: SourceMap,
}

/// One instruction's worth of lines.
#[derive(Clone, Debug)]
pub(crate) struct LogicalLine<'a> {
    pub(crate) content: LogicalText<'a>,
    /// From the first character that is no blank to the end of the last line that has text.
    pub(crate) span: Span,
    pub(crate) first: u32,
    pub(crate) last: u32,
    pub(crate) comments: Vec<Spanned<String>>,
    pub(crate) blank_lines: Vec<Span>,
}

/// Reads a file logical line by logical line.
#[derive(Debug)]
pub(crate) struct LogicalLines<'a> {
    lines: PhysicalLines<'a>,
    escape: char,
    comments: Vec<Spanned<String>>,
    joint: Joint,
    /// Faults of the lines themselves.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl<'a> LogicalLines<'a> {
    /// Reads on from where `lines` stands.
    pub(crate) fn new(lines: PhysicalLines<'a>, escape: char) -> Self {
        let joint = Joint::default();
        Self { lines, escape, comments: Vec::new(), joint, diagnostics: Vec::new() }
    }

    /// The next line of the file as it is: of a heredoc body.
    pub(crate) fn next_physical(&mut self) -> Option<PhysicalLine<'a>> {
        let line = self.lines.next()?;
        if line.is_too_long() {
            self.diagnostics.push(too_long(&line));
        }
        Some(line)
    }

    /// Number of the last line read.
    pub(crate) const fn number(&self) -> u32 {
        self.lines.number()
    }

    fn note_comment(&mut self, line: &PhysicalLine<'a>) {
        // An indented comment keeps its `#`: so does BuildKit.
        let body = line.raw.strip_prefix('#').unwrap_or(line.raw);
        let text = body.trim();
        if text.is_empty() {
            self.comments.clear();
            return;
        }
        let start = line.start + line.raw.len() - body.trim_start().len();
        let span = Span::new(start, start + text.len());
        self.comments.push(Spanned::new(text.to_owned(), span));
    }

    fn single(&mut self, line: &PhysicalLine<'a>, text: &'a str, start: usize) -> LogicalLine<'a> {
        LogicalLine {
            content: LogicalText { text: Cow::Borrowed(text), map: SourceMap::contiguous(start) },
            span: Span::new(start, start + text.len()),
            first: line.number,
            last: line.number,
            comments: std::mem::take(&mut self.comments),
            blank_lines: Vec::new(),
        }
    }

    /// Joins the lines that follow a first line that goes on.
    fn joined(&mut self, first: &PhysicalLine<'a>, head: &'a str, start: usize) -> LogicalLine<'a> {
        self.joint.end = start;
        self.joint.push(head, start, head.len());
        while let Some(line) = self.next_physical() {
            let text = line.text();
            let body = text.trim_start();
            if body.starts_with('#') {
                continue;
            }
            if body.is_empty() {
                let blank = Span::new(line.start, line.start + text.len());
                self.joint.blank_lines.push(blank);
                continue;
            }
            let part = without_continuation(text, self.escape);
            self.joint.push(part.unwrap_or(text), line.start, text.len());
            if part.is_none() {
                break;
            }
        }
        LogicalLine {
            span: Span::new(start, self.joint.end),
            first: first.number,
            last: self.lines.number(),
            comments: std::mem::take(&mut self.comments),
            blank_lines: std::mem::take(&mut self.joint.blank_lines),
            content: self.joint.take(start),
        }
    }
}

impl<'a> Iterator for LogicalLines<'a> {
    type Item = LogicalLine<'a>;

    fn next(&mut self) -> Option<LogicalLine<'a>> {
        loop {
            let line = self.next_physical()?;
            let whole = line.text();
            let text = whole.trim_start();
            if text.starts_with('#') {
                self.note_comment(&line);
                continue;
            }
            if text.is_empty() {
                continue;
            }
            let start = line.start + whole.len() - text.len();
            return Some(match without_continuation(text, self.escape) {
                Some(head) => self.joined(&line, head, start),
                None => self.single(&line, text, start),
            });
        }
    }
}

/// A logical line while it is being joined. Its memory is used again for the next one.
#[derive(Debug, Default)]
struct Joint {
    text: String,
    map: SourceMapBuilder,
    end: usize,
    blank_lines: Vec<Span>,
}

impl Joint {
    /// Adds a part of a line that starts at `start` and is `length` long with its continuation.
    fn push(&mut self, part: &str, start: usize, length: usize) {
        self.text.push_str(part);
        self.map.push(part.len(), Span::new(start, start + part.len()));
        self.end = start + length;
    }

    fn take<'a>(&mut self, start: usize) -> LogicalText<'a> {
        let text = Cow::Owned(self.text.as_str().to_owned());
        self.text.clear();
        LogicalText { text, map: self.map.finish(start) }
    }
}

/// The line without its continuation mark, or nothing if it does not go on (A1.4).
///
/// The mark is the escape character with only blanks and tabs behind it. An escape character in
/// front of it takes its meaning away.
fn without_continuation(line: &str, escape: char) -> Option<&str> {
    let blank = line.ends_with([' ', '\t']);
    let line = if blank { line.trim_end_matches([' ', '\t']) } else { line };
    let before = line.strip_suffix(escape)?;
    if before.ends_with(escape) { None } else { Some(before) }
}

fn too_long(line: &PhysicalLine<'_>) -> Diagnostic {
    let span = Span::new(line.start, line.start + line.text().len());
    let message = format!("line {} is longer than {LONGEST_LINE} bytes", line.number);
    Diagnostic::error("line-too-long", span, message)
        .with_help("break the line with a continuation, or COPY the text from a file")
}
