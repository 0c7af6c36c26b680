//! Heredocs: files written in place (A6).

use crate::buffer::Buffer;
use crate::diagnostic::{Diagnostic, Fix};
use crate::expand::{Expander, Quotes};
use crate::fragment::{Fragment, Line};
use crate::head::Head;
use crate::json::{self, JsonArray};
use crate::keyword::Keyword;
use crate::physical::PhysicalLine;
use crate::span::Span;
use crate::text::Text;
use memchr::memchr;
use nom::bytes::complete::{tag, take_while};
use nom::character::complete::{char, digit0};
use nom::combinator::opt;
use nom::{IResult, Parser};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// One heredoc.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heredoc {
    /// The delimiter without quotes. The file's name in COPY and ADD.
    pub name: Text,
    /// The number in front of `<<`, or 0.
    pub fd: u32,
    /// True if the delimiter is not quoted: COPY and ADD expand the body (A6.2).
    pub expand: bool,
    /// True for `<<-`: leading tabs do not count (A6.3).
    pub chomp: bool,
    /// The lines of the body as they stand in the file, endings and leading tabs included.
    pub content: Text,
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

    /// The source bytes that the bytes `range` of [`Heredoc::text`] stand at.
    pub fn span_of(&self, range: Range<usize>) -> Span {
        let start = self.body.start + self.in_content(range.start, false);
        let end = self.body.start + self.in_content(range.end, true);
        Span::new(start, end.max(start))
    }

    /// Where an offset of the text is in the content. At the end of a line an end stays on it.
    fn in_content(&self, offset: usize, is_end: bool) -> usize {
        if !self.chomp {
            return offset.min(self.content.len());
        }
        let (mut text, mut content) = (0, 0);
        for line in self.content.split_inclusive('\n') {
            let kept = line.trim_start_matches('\t').len();
            let is_here = offset < text + kept || (is_end && offset == text + kept);
            if is_here {
                return content + (line.len() - kept) + (offset - text);
            }
            text += kept;
            content += line.len();
        }
        content
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
pub(crate) fn markers(line: &str, escape: char) -> Vec<Marker> {
    if memchr(b'<', line.as_bytes()).is_none()
        || !line.contains("<<")
        || !may_have_heredocs(line, escape)
    {
        return Vec::new();
    }
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

/// RUN, COPY and ADD may, not in exec form, and ONBUILD of these (A6.1, A6.9).
fn may_have_heredocs(line: &str, escape: char) -> bool {
    let buffer = Arc::new(Buffer::of_file(line.into()));
    let whole = Line { buffer: &buffer, segments: &[] };
    let mut head = Head::read(Fragment::whole(&whole, 0..line.len()), escape);
    if head.keyword == Some(Keyword::Onbuild) {
        head = Head::read(head.rest, escape);
    }
    head.keyword.is_some_and(Keyword::takes_heredocs)
        && !matches!(json::array(head.rest), JsonArray::Strings(_))
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

/// A heredoc that was read, and where its text stands.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    marker: Marker,
    place: Span,
    content: Span,
    /// As in [`Heredoc`].
    pub(crate) delimiter: Span,
}

impl Body {
    /// The heredoc, given the buffer of its file.
    pub(crate) fn heredoc(&self, buffer: &Arc<Buffer>) -> Heredoc {
        Heredoc {
            name: Text::from(self.marker.name.as_str()),
            fd: self.marker.fd,
            expand: self.marker.expand,
            chomp: self.marker.chomp,
            content: Text::new(Arc::clone(buffer), self.content.range()),
            marker: self.place,
            body: self.content,
            delimiter: self.delimiter,
        }
    }
}

/// Reads the body of a heredoc from the lines behind the instruction. `place` is the marker's.
///
/// A body that is never ended takes the rest of the file, which is a fault (A6.3).
pub(crate) fn body<'a>(
    marker: Marker,
    place: Span,
    lines: impl Iterator<Item = PhysicalLine<'a>>,
) -> Result<Body, Diagnostic> {
    let mut start = None;
    let mut near = None;
    for line in lines {
        let start = *start.get_or_insert(line.start);
        let text = line.text();
        let end = line.start + text.len();
        let text = if marker.chomp { text.trim_start_matches('\t') } else { text };
        if text == marker.name {
            let content = Span::new(start, line.start);
            let delimiter = Span::new(line.start, end);
            return Ok(Body { marker, place, content, delimiter });
        }
        let may_be_meant = near.is_none() && text.len() < marker.name.len() + 20;
        if may_be_meant && text.trim().eq_ignore_ascii_case(&marker.name) {
            near = Some(Span::new(line.start, end));
        }
    }
    Err(unterminated(&marker, place, near))
}

/// `near` is a line that was likely meant to end the body.
fn unterminated(marker: &Marker, place: Span, near: Option<Span>) -> Diagnostic {
    let name = &marker.name;
    let message = format!("the heredoc `{name}` is never ended");
    let blanks =
        if marker.chomp { "with nothing but tabs in front" } else { "with nothing else on it" };
    let fault = Diagnostic::error("unterminated-heredoc", place, message)
        .with_help(format!("end the text with a line `{name}`, {blanks}"));
    match near {
        Some(near) => fault
            .with_label(near, format!("this line is not exactly `{name}`"))
            .with_fix(Fix::guess(near, name.as_str())),
        None => fault,
    }
}
