//! Goes through the lines: instructions, and what stands between them.

use lapstrake_parser::{Dockerfile, Instruction, InstructionKind};

use crate::line::{Line, lines};
use crate::token::Words;
use crate::write;

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// What a line without an end of its own gets, where no other line has one.
const LINE_END: &str = "\n";

/// The names of directives.
const DIRECTIVES: [&str; 3] = ["escape", "syntax", "check"];

/// The file in the one form.
pub(crate) fn format(source: &str, dockerfile: &Dockerfile) -> String {
    let mark = source.strip_prefix(BYTE_ORDER_MARK).map_or("", |_| BYTE_ORDER_MARK);
    let lines = lines(source, mark.len());
    let first_end = lines.first().map_or("", |line| line.end);
    let end = if first_end.is_empty() { LINE_END } else { first_end };
    let mut page =
        Page { text: String::with_capacity(source.len()), start: mark.len(), end, gap: None };
    page.text.push_str(mark);
    let words = Words::new(source, dockerfile);
    let mut at = 0;
    for instruction in &dockerfile.instructions {
        let (first, behind) = place(instruction);
        page.between(lines.get(at..first).unwrap_or_default(), Some(instruction));
        page.close_gap();
        let own = lines.get(first..behind).unwrap_or_default();
        let start = instruction.heredocs.first().map_or(usize::MAX, |heredoc| heredoc.body.start);
        let (head, bodies) = own.split_at(own.partition_point(|line| line.start < start));
        write::instruction(&mut page, head, words.of(instruction, head), dockerfile.escape);
        bodies.iter().for_each(|line| page.line("", line.text, line.end));
        at = behind;
    }
    page.between(lines.get(at..).unwrap_or_default(), None);
    page.text
}

/// The index of the first line of an instruction, and that behind its last one.
fn place(instruction: &Instruction) -> (usize, usize) {
    let index = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let (first, last) = instruction.lines;
    (index(first).saturating_sub(1), index(last))
}

/// What is written.
pub(crate) struct Page<'a> {
    text: String,
    /// Where the first line starts.
    start: usize,
    /// What a line gets that has no end.
    end: &'a str,
    /// The end of a blank line that belongs here, if something follows.
    gap: Option<&'a str>,
}

impl<'a> Page<'a> {
    /// Writes a line.
    pub(crate) fn line(&mut self, indent: &str, text: &str, end: &str) {
        let end = if end.is_empty() { self.end } else { end };
        self.text.extend([indent, text, end]);
    }

    /// Writes what will be followed by more on its line.
    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    const fn is_at_start(&self) -> bool {
        self.text.len() == self.start
    }

    /// Writes the blank line that is due.
    fn close_gap(&mut self) {
        if let Some(end) = self.gap.take().filter(|_| !self.is_at_start()) {
            self.line("", "", end);
        }
    }

    /// Writes comments, with a blank line where there is at least one.
    fn between(&mut self, lines: &[Line<'a>], next: Option<&Instruction>) {
        for line in lines {
            let Some(comment) = line.comment() else {
                self.gap = Some(line.end);
                continue;
            };
            // Only a line above it keeps it from being a directive.
            match self.gap {
                Some(end) if self.is_at_start() && is_like_directive(comment) => {
                    self.gap = None;
                    self.line("", "", end);
                }
                _ => self.close_gap(),
            }
            let indent = match is_read_at_edge(comment, next) || self.opens_script(comment) {
                true => line.text.trim_end().strip_suffix(comment).unwrap_or_default(),
                false => "",
            };
            self.line(indent, comment, line.end);
        }
    }

    /// True if the comment, moved to the left edge, would say by what the file is to be run.
    fn opens_script(&self, comment: &str) -> bool {
        self.is_at_start() && comment.starts_with("#!")
    }
}

/// True for what a directive looks like.
fn is_like_directive(comment: &str) -> bool {
    let name = comment.trim_start_matches('#').split('=').next().unwrap_or_default().trim();
    DIRECTIVES.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// True if a comment has a meaning at the left edge that it lacks anywhere else: BuildKit reads options
/// of checks and descriptions only there, and an empty comment parts it from those above.
fn is_read_at_edge(comment: &str, next: Option<&Instruction>) -> bool {
    let body = comment.strip_prefix('#').unwrap_or(comment).trim();
    let name = body.split([' ', '\t']).next().unwrap_or_default();
    body.is_empty() || is_like_directive(comment) || next.is_some_and(|next| names(next, name))
}

/// True if the instruction gives something that name.
fn names(instruction: &Instruction, name: &str) -> bool {
    match &instruction.kind {
        InstructionKind::From(from) => {
            from.name.as_ref().is_some_and(|own| own.value.eq_ignore_ascii_case(name))
        }
        InstructionKind::Arg(all) => all.iter().any(|one| one.name.as_str() == name),
        _ => false,
    }
}
