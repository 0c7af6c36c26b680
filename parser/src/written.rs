//! How an instruction stands in its file: its line, its name, and the comments above.

use crate::buffer::Extent;
use crate::span::{Span, Spanned};
use crate::split;
use crate::text::Text;
use memchr::memchr_iter;

/// The text around what an instruction says. Few readers look at it, so that all of it is kept as
/// places in one shared text and read anew by whoever asks.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    /// The logical line.
    pub(crate) line: Text,
    /// The lines of the file between the instruction before and this one: comments and blank ones.
    pub(crate) above: Extent,
    /// The lines of the file that the line was joined from.
    pub(crate) own: Extent,
}

impl Written {
    /// A trigger, which has no lines of its own.
    pub(crate) fn of_trigger(line: Text) -> Self {
        Self { line, above: Extent::default(), own: Extent::default() }
    }

    /// The name as written.
    pub(crate) fn keyword(&self) -> Spanned<&str> {
        let line = split::trim_start(&self.line);
        let start = self.line.len() - line.len();
        let (word, _) = split::first_blank(line);
        Spanned::new(word, self.line.span(start..start + word.len()))
    }

    /// The comments above, without `#` and blanks around, from top to bottom.
    pub(crate) fn comments(&self) -> Vec<Spanned<&str>> {
        let mut comments = Vec::new();
        for line in self.lines(self.above) {
            match comment(line) {
                Some(comment) if comment.value.is_empty() => comments.clear(),
                comment => comments.extend(comment),
            }
        }
        comments
    }

    /// The places of the blank lines that it goes on behind, without their ends.
    pub(crate) fn blank_lines(&self) -> Vec<Span> {
        let blank = self.lines(self.own).filter(|line| line.value.trim_start().is_empty());
        let text =
            |line: Spanned<&str>| line.value.trim_end_matches('\n').trim_end_matches('\r').len();
        blank.map(|line| Span::new(line.span.start, line.span.start + text(line))).collect()
    }

    /// The lines of a part of the file, with their ends.
    fn lines(&self, part: Extent) -> impl Iterator<Item = Spanned<&str>> {
        let mut end = part.range().start;
        let text = self.line.file().get(part.range()).unwrap_or("");
        let line_ends = memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1);
        let rest = (!text.is_empty() && !text.ends_with('\n')).then_some(text.len());
        let first = part.range().start;
        line_ends.chain(rest).map(move |behind| {
            let start = end;
            end = first + behind;
            let line = text.get(start - first..behind).unwrap_or("");
            Spanned::new(line, Span::new(start, end))
        })
    }
}

/// The text of a line that is a comment.
fn comment(line: Spanned<&str>) -> Option<Spanned<&str>> {
    if !split::trim_start(line.value).starts_with('#') {
        return None;
    }
    // An indented comment keeps its `#`: so does BuildKit.
    let body = line.value.strip_prefix('#').unwrap_or(line.value);
    let front = split::trim_start(body);
    let text = split::trim_end(front);
    let start = line.span.end - front.len();
    Some(Spanned::new(text, Span::new(start, start + text.len())))
}

impl PartialEq for Written {
    fn eq(&self, other: &Self) -> bool {
        (&self.line, self.keyword()) == (&other.line, other.keyword())
            && self.comments() == other.comments()
            && self.blank_lines() == other.blank_lines()
    }
}

impl Eq for Written {}
