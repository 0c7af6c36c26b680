//! Heredocs: files written in place (A6).

use crate::diagnostic::Diagnostic;
use crate::expand::{Expander, Quotes};
use crate::logical::LogicalLines;
use crate::span::Span;
use nom::bytes::complete::{tag, take_while};
use nom::character::complete::{char, digit0};
use nom::combinator::opt;
use nom::{IResult, Parser};
use std::borrow::Cow;

/// One heredoc.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heredoc {
    /// The delimiter without quotes. The file's name in COPY and ADD.
    pub name: String,
    /// The number in front of `<<`, or 0.
    pub fd: u32,
    /// True if the delimiter is not quoted: COPY and ADD expand the body (A6.2).
    pub expand: bool,
    /// True for `<<-`: leading tabs do not count (A6.3).
    pub chomp: bool,
    /// The lines of the body as they stand in the file, endings and leading tabs included.
    pub content: String,
    /// The marker, as in `3<<-EOF`.
    pub marker: Span,
    /// The body, without the line of the delimiter.
    pub body: Span,
    /// The line that ends the body, without its line ending.
    pub delimiter: Span,
}

impl Heredoc {
    /// The body as the builder uses it: without leading tabs if `chomp` is set.
    ///
    /// For RUN the body is never expanded: the shell does it. For COPY and ADD expand it with
    /// [`Expander::heredoc_body`] if `expand` is set.
    pub fn text(&self) -> Cow<'_, str> {
        if !self.chomp {
            return Cow::Borrowed(&self.content);
        }
        let lines = self.content.split_inclusive('\n');
        Cow::Owned(lines.map(|line| line.trim_start_matches('\t')).collect())
    }
}

/// A heredoc marker as found in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Marker {
    name: String,
    fd: u32,
    expand: bool,
    chomp: bool,
    /// Place in the logical line.
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// The markers of a logical line, from left to right.
///
/// The line is split as a shell would. A line that a shell could not split, for a quote that is
/// never closed, has none. The escape character is always `\` (A2.3).
pub(crate) fn markers(line: &str) -> Vec<Marker> {
    let expander = Expander {
        quotes: Quotes::Keep,
        keep_escapes: true,
        keep_undefined: true,
        ..Expander::new('\\')
    };
    let Ok(found) = expander.expand_words(line, &|_: &str| None) else { return Vec::new() };
    let words = found.words.into_iter().filter(|word| word.text.contains("<<"));
    let markers = words.filter_map(|word| {
        let marker = marker(&word.text)?;
        Some(Marker { start: word.range.start, end: word.range.end, ..marker })
    });
    markers.collect()
}

/// True if a word of COPY or ADD is a heredoc marker; returns the delimiter.
pub(crate) fn marker_name(word: &str) -> Option<String> {
    marker(word).map(|marker| marker.name)
}

/// Reads `[number]<<[-][ ]word`. The word must be one word to a shell.
fn marker(word: &str) -> Option<Marker> {
    let (delimiter, (digits, _, dash, _)) = marker_head(word).ok()?;
    if delimiter.is_empty() || delimiter.contains('<') {
        return None;
    }
    let expander = Expander { keep_undefined: true, ..Expander::new('\\') };
    let name = only_word(expander, delimiter)?;
    let quoted = only_word(Expander { quotes: Quotes::Keep, ..expander }, delimiter)?;
    Some(Marker {
        expand: quotes(&name) == quotes(&quoted),
        name,
        fd: digits.parse().unwrap_or(0),
        chomp: dash.is_some(),
        start: 0,
        end: word.len(),
    })
}

type MarkerHead<'a> = (&'a str, &'a str, Option<char>, &'a str);

fn marker_head(word: &str) -> IResult<&str, MarkerHead<'_>> {
    let blanks = take_while(|c: char| matches!(c, ' ' | '\t' | '\n' | '\u{c}' | '\r'));
    (digit0, tag("<<"), opt(char('-')), blanks).parse(word)
}

fn only_word(expander: Expander, delimiter: &str) -> Option<String> {
    if delimiter.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Some(delimiter.to_owned());
    }
    let mut words = expander.expand_words(delimiter, &|_: &str| None).ok()?.words.into_iter();
    let only = words.next()?;
    words.next().is_none().then_some(only.text)
}

fn quotes(text: &str) -> usize {
    text.matches(['\'', '"']).count()
}

/// Reads the body of a heredoc from the lines behind the instruction.
///
/// A body that is never ended takes the rest of the file, which is a fault (A6.3).
pub(crate) fn body(
    marker: Marker,
    place: Span,
    lines: &mut LogicalLines<'_>,
) -> Result<Heredoc, Diagnostic> {
    let mut content = String::new();
    while let Some(line) = lines.next_physical() {
        let text = line.text();
        let end = line.start + text.len();
        let text = if marker.chomp { text.trim_start_matches('\t') } else { text };
        if text != marker.name {
            content.push_str(line.raw);
            continue;
        }
        return Ok(Heredoc {
            name: marker.name,
            fd: marker.fd,
            expand: marker.expand,
            chomp: marker.chomp,
            marker: place,
            body: Span::new(line.start - content.len(), line.start),
            delimiter: Span::new(line.start, end),
            content,
        });
    }
    Err(unterminated(&marker, place))
}

fn unterminated(marker: &Marker, place: Span) -> Diagnostic {
    let name = &marker.name;
    let message = format!("the heredoc `{name}` is never ended");
    let blanks =
        if marker.chomp { "with nothing but tabs in front" } else { "with nothing else on it" };
    Diagnostic::error("unterminated-heredoc", place, message)
        .with_help(format!("end the text with a line `{name}`, {blanks}"))
}
