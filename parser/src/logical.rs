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
use crate::span::Span;
use crate::split;
use crate::text::Text;
use crate::written::Written;
use memchr::memchr_iter;
use std::ops::Range;
use std::sync::Arc;

/// The logical lines of a file. What a line has several of stands in a list for all of them.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) buffer: Arc<Buffer>,
    pub(crate) lines: Vec<LogicalLine>,
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
    span: Extent,
    pub(crate) first: u32,
    pub(crate) last: u32,
    /// Of the file: the lines above that belong to no other instruction, and its own.
    above: Extent,
    own: Extent,
    bodies: Extent,
}

impl LogicalLine {
    pub(crate) fn span(&self) -> Span {
        let range = self.span.range();
        Span::new(range.start, range.end)
    }
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

    /// How the instruction of a line is written.
    pub(crate) fn written(&self, line: &LogicalLine) -> Written {
        let text = Text::new(Arc::clone(&self.buffer), line.text.range());
        Written { line: text, above: line.above, own: line.own }
    }

    /// The heredocs of a line.
    pub(crate) fn bodies(&self, line: &LogicalLine) -> &[Body] {
        self.bodies.get(line.bodies.range()).unwrap_or(&[])
    }
}

/// Bytes of an instruction in an everyday file: lists start with room for that many.
const USUAL_INSTRUCTION: usize = 96;

/// Reads a file logical line by logical line.
struct Reader<'a> {
    physical: PhysicalLines<'a>,
    /// One of two characters, both of ASCII.
    escape: u8,
    buffer: Buffer,
    lines: Vec<LogicalLine>,
    /// Where the lines start that belong to no instruction yet.
    above: usize,
    bodies: Vec<Body>,
    diagnostics: Vec<Diagnostic>,
    /// False if nothing in the file can read `<<`.
    may_have_heredocs: bool,
}

impl<'a> Reader<'a> {
    fn new(source: Arc<str>, physical: PhysicalLines<'a>, escape: char) -> Self {
        Self {
            above: physical.start(),
            physical,
            escape: u8::try_from(escape).unwrap_or(b'\\'),
            may_have_heredocs: may_have_heredocs(source.as_bytes(), escape),
            lines: Vec::with_capacity(source.len() / USUAL_INSTRUCTION),
            buffer: Buffer::of_file(source),
            bodies: Vec::new(),
            diagnostics: Vec::new(),
        }
    }

    fn next_line(&mut self) -> Option<LogicalLine> {
        loop {
            let line = self.next_physical()?;
            let whole = line.text();
            let text = split::trim_indent(whole);
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let start = line.start + whole.len() - text.len();
            let mut logical = match without_continuation(text, self.escape) {
                Some(head) => self.joined(&line, head, start),
                None => self.single(&line, start..start + text.len()),
            };
            self.read_bodies(&mut logical);
            self.above = self.physical.start();
            return Some(logical);
        }
    }

    #[inline(always)]
    fn next_physical(&mut self) -> Option<PhysicalLine<'a>> {
        let line = self.physical.next()?;
        if line.is_too_long() {
            note_too_long(&line, &mut self.diagnostics);
        }
        Some(line)
    }

    /// A line that does not go on.
    fn single(&mut self, line: &PhysicalLine<'a>, text: Range<usize>) -> LogicalLine {
        let segments = self.buffer.mark();
        LogicalLine {
            span: text.clone().into(),
            text: text.into(),
            segments: (segments..segments).into(),
            first: line.number,
            last: line.number,
            above: (self.above..line.start).into(),
            own: (line.start..self.physical.start()).into(),
            bodies: Extent::default(),
        }
    }

    /// Joins the lines that follow a first line that goes on.
    fn joined(&mut self, first: &PhysicalLine<'a>, head: &'a str, start: usize) -> LogicalLine {
        let (text, segments) = (self.buffer.end(), self.buffer.mark());
        let mut end = start + head.len();
        self.buffer.reserve(start);
        self.buffer.push_piece(Span::new(start, end));
        while let Some(line) = self.next_physical() {
            let whole = line.text();
            let body = split::trim_indent(whole);
            if body.is_empty() || body.starts_with('#') {
                continue;
            }
            let part = without_continuation(whole, self.escape);
            let kept = part.unwrap_or(whole);
            self.buffer.push_piece(Span::new(line.start, line.start + kept.len()));
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
            span: (start..end).into(),
            first: first.number,
            last: self.physical.number(),
            above: (self.above..first.start).into(),
            own: (first.start..self.physical.start()).into(),
            bodies: Extent::default(),
        }
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
                    line.span = line.span().cover(body.delimiter).range().into();
                    line.last = self.physical.number();
                    self.bodies.push(body);
                }
                Err(fault) => self.diagnostics.push(fault),
            }
        }
        line.bodies = (start..self.bodies.len()).into();
    }
}

/// Whether a `<` stands in front of another one, or at the end of a line that goes on.
fn may_have_heredocs(source: &[u8], escape: char) -> bool {
    let behind = |at: usize| source.get(at.saturating_add(1)).copied().map(char::from);
    memchr_iter(b'<', source).filter_map(behind).any(|next| next == '<' || next == escape)
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
