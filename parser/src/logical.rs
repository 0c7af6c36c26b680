//! Logical lines: an instruction with its continuation lines joined (A1.2 to A1.5), and the bodies
//! of its heredocs.
//!
//! All of a file is cut into lines before any of them is read: then its buffer is complete, and
//! whatever is read can share it.

use crate::buffer::{Buffer, Extent};
use crate::diagnostic::Diagnostic;
use crate::fragment::{Fragment, Line};
use crate::heredoc::{self, Body};
use crate::physical::{LONGEST_LINE, PhysicalLine, PhysicalLines};
use crate::span::{Span, Spanned};
use crate::split;
use crate::text::Text;
use memchr::memchr;
use std::ops::Range;
use std::sync::Arc;

/// The logical lines of a file. What a line has several of stands in a list for all of them.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) buffer: Arc<Buffer>,
    pub(crate) lines: Vec<LogicalLine>,
    comments: Vec<Span>,
    blank_lines: Vec<Span>,
    bodies: Vec<Body>,
    /// Faults of the lines themselves.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// One instruction's worth of lines.
#[derive(Clone, Debug)]
pub(crate) struct LogicalLine {
    /// In the buffer.
    text: Extent,
    segments: Extent,
    /// From the first character that is no blank to the end of the last line that has text, or
    /// that ends a heredoc.
    pub(crate) span: Span,
    pub(crate) first: u32,
    pub(crate) last: u32,
    comments: Extent,
    blank_lines: Extent,
    bodies: Extent,
}

impl Layout {
    /// Reads on from where `lines` stands in `source`.
    pub(crate) fn read(source: Arc<str>, lines: PhysicalLines<'_>, escape: char) -> Self {
        let mut reader = Reader::new(source, lines, escape);
        while let Some(line) = reader.next_line() {
            reader.lines.push(line);
        }
        Self {
            buffer: Arc::new(reader.buffer),
            lines: reader.lines,
            comments: reader.comments,
            blank_lines: reader.blank_lines,
            bodies: reader.bodies,
            diagnostics: reader.diagnostics,
        }
    }

    /// What the fragments of a line share.
    pub(crate) fn line(&self, line: &LogicalLine) -> Line<'_> {
        Line { buffer: &self.buffer, segments: self.buffer.segments(line.segments.range()) }
    }

    /// The whole text of a line, given what it shares with its other fragments.
    pub(crate) fn whole<'l>(&self, line: &LogicalLine, shared: &'l Line<'l>) -> Fragment<'l> {
        Fragment::whole(shared, line.text.range())
    }

    /// The file as it is.
    pub(crate) fn source(&self) -> &str {
        self.buffer.file()
    }

    /// The text of a line.
    pub(crate) fn text(&self, line: &LogicalLine) -> Text {
        Text::new(Arc::clone(&self.buffer), line.text.range())
    }

    /// The text of the file at a place.
    pub(crate) fn verbatim(&self, span: Span) -> Spanned<Text> {
        Spanned::new(Text::new(Arc::clone(&self.buffer), span.range()), span)
    }

    /// The comments above a line.
    pub(crate) fn comments(&self, line: &LogicalLine) -> &[Span] {
        self.comments.get(line.comments.range()).unwrap_or(&[])
    }

    /// The blank lines inside a line.
    pub(crate) fn blank_lines(&self, line: &LogicalLine) -> &[Span] {
        self.blank_lines.get(line.blank_lines.range()).unwrap_or(&[])
    }

    /// The heredocs of a line.
    pub(crate) fn bodies(&self, line: &LogicalLine) -> &[Body] {
        self.bodies.get(line.bodies.range()).unwrap_or(&[])
    }
}

/// Bytes of an instruction in an everyday file: lists start with room for that many.
const USUAL_INSTRUCTION: usize = 160;

/// Reads a file logical line by logical line.
struct Reader<'a> {
    physical: PhysicalLines<'a>,
    /// One of two characters, both of ASCII.
    escape: u8,
    buffer: Buffer,
    lines: Vec<LogicalLine>,
    comments: Vec<Span>,
    /// Where the comments start that no line has yet.
    own_comments: usize,
    blank_lines: Vec<Span>,
    bodies: Vec<Body>,
    diagnostics: Vec<Diagnostic>,
    /// False if the file has no `<` at all.
    may_have_heredocs: bool,
}

impl<'a> Reader<'a> {
    fn new(source: Arc<str>, physical: PhysicalLines<'a>, escape: char) -> Self {
        let may_have_heredocs = memchr(b'<', source.as_bytes()).is_some();
        Self {
            physical,
            escape: u8::try_from(escape).unwrap_or(b'\\'),
            lines: Vec::with_capacity(source.len() / USUAL_INSTRUCTION),
            comments: Vec::with_capacity(source.len() / USUAL_INSTRUCTION),
            buffer: Buffer::of_file(source),
            own_comments: 0,
            blank_lines: Vec::new(),
            bodies: Vec::new(),
            diagnostics: Vec::new(),
            may_have_heredocs,
        }
    }

    fn next_line(&mut self) -> Option<LogicalLine> {
        loop {
            let line = self.next_physical()?;
            let whole = line.text();
            let text = split::trim_start(whole);
            if text.starts_with('#') {
                self.note_comment(&line);
                continue;
            }
            if text.is_empty() {
                continue;
            }
            let start = line.start + whole.len() - text.len();
            let mut logical = match without_continuation(text, self.escape) {
                Some(head) => self.joined(&line, head, start),
                None => self.single(&line, start..start + text.len()),
            };
            self.read_bodies(&mut logical);
            return Some(logical);
        }
    }

    #[inline]
    fn next_physical(&mut self) -> Option<PhysicalLine<'a>> {
        let line = self.physical.next()?;
        if line.is_too_long() {
            note_too_long(&line, &mut self.diagnostics);
        }
        Some(line)
    }

    fn note_comment(&mut self, line: &PhysicalLine<'a>) {
        // An indented comment keeps its `#`: so does BuildKit.
        let body = line.raw.strip_prefix('#').unwrap_or(line.raw);
        let front = split::trim_start(body);
        let text = split::trim_end(front);
        if text.is_empty() {
            self.comments.truncate(self.own_comments);
            return;
        }
        let start = line.start + line.raw.len() - front.len();
        self.comments.push(Span::new(start, start + text.len()));
    }

    /// A line that does not go on.
    fn single(&mut self, line: &PhysicalLine<'a>, text: Range<usize>) -> LogicalLine {
        let (segments, blanks) = (self.buffer.mark(), self.blank_lines.len());
        LogicalLine {
            span: Span::new(text.start, text.end),
            text: text.into(),
            segments: (segments..segments).into(),
            first: line.number,
            last: line.number,
            comments: self.take_comments(),
            blank_lines: (blanks..blanks).into(),
            bodies: Extent::default(),
        }
    }

    /// Joins the lines that follow a first line that goes on.
    fn joined(&mut self, first: &PhysicalLine<'a>, head: &'a str, start: usize) -> LogicalLine {
        let (text, segments, blanks) =
            (self.buffer.end(), self.buffer.mark(), self.blank_lines.len());
        let mut end = start + head.len();
        self.buffer.reserve();
        self.buffer.push(head, Span::new(start, end));
        while let Some(line) = self.next_physical() {
            let whole = line.text();
            let body = split::trim_start(whole);
            if body.starts_with('#') {
                continue;
            }
            if body.is_empty() {
                self.blank_lines.push(Span::new(line.start, line.start + whole.len()));
                continue;
            }
            let part = without_continuation(whole, self.escape);
            let kept = part.unwrap_or(whole);
            self.buffer.push(kept, Span::new(line.start, line.start + kept.len()));
            end = line.start + whole.len();
            if part.is_none() {
                break;
            }
        }
        let text = text..self.buffer.end();
        self.buffer.close(text.start, start);
        LogicalLine {
            text: text.into(),
            segments: (segments..self.buffer.mark()).into(),
            span: Span::new(start, end),
            first: first.number,
            last: self.physical.number(),
            comments: self.take_comments(),
            blank_lines: (blanks..self.blank_lines.len()).into(),
            bodies: Extent::default(),
        }
    }

    fn take_comments(&mut self) -> Extent {
        let start = std::mem::replace(&mut self.own_comments, self.comments.len());
        (start..self.own_comments).into()
    }

    /// Reads the heredocs whose markers stand on the line, from the lines behind it.
    fn read_bodies(&mut self, line: &mut LogicalLine) {
        if !self.may_have_heredocs {
            return;
        }
        let start = self.bodies.len();
        let text = line.text.range();
        let escape = char::from(self.escape);
        for marker in heredoc::markers(self.buffer.text(text.clone()), escape) {
            let place = self.buffer.span(text.start + marker.start..text.start + marker.end);
            let physical = std::iter::from_fn(|| self.next_physical());
            match heredoc::body(marker, place, physical) {
                Ok(body) => {
                    line.span = line.span.cover(body.delimiter);
                    line.last = self.physical.number();
                    self.bodies.push(body);
                }
                Err(fault) => self.diagnostics.push(fault),
            }
        }
        line.bodies = (start..self.bodies.len()).into();
    }
}

/// The line without its continuation mark, or nothing if it does not go on (A1.4).
///
/// The mark is the escape character with only blanks and tabs behind it. An escape character in
/// front of it takes its meaning away.
fn without_continuation(line: &str, escape: u8) -> Option<&str> {
    let line = match line.as_bytes() {
        [.., b' ' | b'\t'] => line.trim_end_matches([' ', '\t']),
        _ => line,
    };
    match line.as_bytes() {
        [.., before, last] if *last == escape && *before == escape => None,
        [before @ .., last] if *last == escape => line.get(..before.len()),
        _ => None,
    }
}

#[cold]
fn note_too_long(line: &PhysicalLine<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let span = Span::new(line.start, line.start + line.text().len());
    let message = format!("line {} is longer than {LONGEST_LINE} bytes", line.number);
    let fault = Diagnostic::error("line-too-long", span, message)
        .with_help("break the line with a continuation, or COPY the text from a file");
    diagnostics.push(fault);
}
