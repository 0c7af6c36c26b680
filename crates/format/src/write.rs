//! Puts an instruction together again.

use crate::file::Page;
use crate::line::{BLANKS, Line};
use crate::token::{Token, Tokens};

/// How far the lines are indented behind which an instruction goes on.
const INDENT: usize = 4;

/// Writes the lines of an instruction but those of its heredocs. Without tokens they stay as they are.
pub(crate) fn instruction<'a>(
    page: &mut Page<'a>,
    head: &[Line<'a>],
    tokens: Option<Tokens<'a>>,
    escape: char,
) {
    let Some(tokens) = tokens else {
        for line in head {
            let text = line.text.trim_end_matches(BLANKS);
            // It would be taken for a part of the line end.
            let text = if text.ends_with('\r') { line.text } else { text };
            page.line("", text, line.end);
        }
        return;
    };
    let writer = Writer { head, escape, shift: shift(&tokens, head) };
    let mut before: Option<&Token<'a>> = None;
    for token in &tokens.all {
        if let Some(before) = before {
            writer.gap(page, before, token);
        }
        writer.token(page, token);
        before = Some(token);
    }
    writer.end(page, before.map_or(0, |last| last.span.end));
}

/// How lines that begin a token are indented.
#[derive(Clone, Copy)]
enum Shift {
    /// All the same.
    Same,
    /// As they are, but that the least of them has this indent now.
    From(usize),
}

fn shift(tokens: &Tokens<'_>, head: &[Line<'_>]) -> Shift {
    if !tokens.is_script {
        return Shift::Same;
    }
    let begins = head.iter().skip(1).filter(|line| {
        let start = line.start + line.text.len() - line.text.trim_start_matches(BLANKS).len();
        tokens.all.binary_search_by_key(&start, |token| token.span.start).is_ok()
    });
    begins.map(|line| line.indent(INDENT)).min().map_or(Shift::Same, Shift::From)
}

struct Writer<'a, 'l> {
    head: &'l [Line<'a>],
    escape: char,
    shift: Shift,
}

impl<'a> Writer<'a, '_> {
    /// The index of the line that an offset is on.
    fn line_of(&self, offset: usize) -> usize {
        self.head.partition_point(|line| line.start <= offset).saturating_sub(1)
    }

    fn lines(&self, from: usize, behind: usize) -> &[Line<'a>] {
        self.head.get(from..behind).unwrap_or_default()
    }

    /// A token may go over several lines: then it is kept, but for what is no part of it.
    fn token(&self, page: &mut Page<'a>, token: &Token<'a>) {
        if !token.text.contains('\n') {
            page.push(&token.text);
            return;
        }
        let (first, last) = (self.line_of(token.span.start), self.line_of(token.span.end - 1));
        for line in self.lines(first, last + 1) {
            let start = token.span.start.saturating_sub(line.start);
            let end = token.span.end.saturating_sub(line.start).min(line.text.len());
            let text = line.text.get(start..end).unwrap_or_default();
            if line.behind() >= token.span.end {
                page.push(text);
            } else if !line.is_blank() {
                page.line("", text.trim_end_matches(BLANKS), line.end);
            }
        }
    }

    /// What is between two tokens: a blank, or a line end with the comments behind it.
    fn gap(&self, page: &mut Page<'a>, before: &Token<'a>, next: &Token<'a>) {
        let (from, to) = (self.line_of(before.span.end - 1), self.line_of(next.span.start));
        let is_close = before.is_mark && before.text == "["
            || next.is_mark && matches!(next.text.as_ref(), "," | "]");
        if from == to {
            page.push(if is_close { "" } else { " " });
            return;
        }
        let indent = self.indent(to);
        self.goes_on(page, from, &indent, to);
        page.push(&indent);
    }

    /// What is behind the last token.
    fn end(&self, page: &mut Page<'a>, at: usize) {
        let last = self.line_of(at.saturating_sub(1));
        match self.head.get(last) {
            // Only the end of the file ends such an instruction.
            Some(line) if line.without_mark(self.escape).is_some() => {
                self.goes_on(page, last, &" ".repeat(INDENT), self.head.len());
            }
            line => page.line("", "", line.map_or("", |line| line.end)),
        }
    }

    /// The mark at the end of a line, and up to line `to` comments, and lines with only such a mark, by
    /// which authors part what belongs together.
    fn goes_on(&self, page: &mut Page<'a>, from: usize, indent: &str, to: usize) {
        let mark = String::from_iter([' ', self.escape]);
        page.line("", &mark, self.head.get(from).map_or("", |line| line.end));
        let mut is_parted = to == self.head.len();
        for line in self.lines(from + 1, to) {
            if let Some(comment) = line.comment() {
                page.line(indent, comment, line.end);
                is_parted = false;
            } else if !is_parted && !line.is_blank() {
                page.line(indent, mark.trim_start(), line.end);
                is_parted = true;
            }
        }
    }

    fn indent(&self, line: usize) -> String {
        let own = self.head.get(line).map_or(0, |line| line.indent(INDENT));
        let more = match self.shift {
            Shift::Same => 0,
            Shift::From(least) => own.saturating_sub(least),
        };
        " ".repeat(INDENT + more)
    }
}
