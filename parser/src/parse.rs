//! The parser: reads a file from top to bottom, instruction by instruction.

use crate::arguments::{Context, Statement};
use crate::diagnostic::Diagnostic;
use crate::directive::{Directive, DirectiveKind, directives};
use crate::dockerfile::{Dockerfile, Instruction};
use crate::flag::{self, Flag};
use crate::fragment::Fragment;
use crate::heredoc::{self, Heredoc};
use crate::json::{self, JsonArray};
use crate::keyword::Keyword;
use crate::logical::{LogicalLine, LogicalLines};
use crate::physical::PhysicalLines;
use crate::span::Span;
use crate::split;
use std::borrow::Cow;

/// What parsing yields: always a tree, and what is wrong with the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// The tree. Complete if there is no diagnostic of severity error.
    pub dockerfile: Dockerfile,
    /// The faults, in the order of their places.
    pub diagnostics: Vec<Diagnostic>,
}

/// Parses a Dockerfile. Never fails: faults become diagnostics, all of them at once.
pub fn parse(source: &str) -> Parsed {
    let mut diagnostics = Vec::new();
    let mut lines = PhysicalLines::new(source);
    let directives = directives(&mut lines, &mut diagnostics);
    let escape = escape(&directives);
    let mut instructions = Vec::new();
    let mut context = Context { escape, diagnostics, trigger: false };
    let keywords = read(&mut LogicalLines::new(lines, escape), &mut context, &mut instructions);
    let mut diagnostics = context.diagnostics;
    diagnostics.extend(order_faults(source, &keywords));
    diagnostics.sort_by_key(|diagnostic| diagnostic.span);
    Parsed { dockerfile: Dockerfile { directives, escape, instructions }, diagnostics }
}

/// Parses a Dockerfile from bytes. See [`decode`] for what happens to bytes that are not UTF-8.
pub fn parse_bytes(source: &[u8]) -> Parsed {
    let (text, fault) = decode(source);
    let mut parsed = parse(&text);
    parsed.diagnostics.extend(fault);
    parsed.diagnostics.sort_by_key(|diagnostic| diagnostic.span);
    parsed
}

/// Turns bytes into text. Each sequence that is not UTF-8 becomes one replacement character.
///
/// Spans count in the text returned: draw diagnostics over that. The diagnostic, if there is one,
/// is a warning that names the first such place.
pub fn decode(source: &[u8]) -> (Cow<'_, str>, Option<Diagnostic>) {
    let Err(error) = std::str::from_utf8(source) else {
        return (String::from_utf8_lossy(source), None);
    };
    let start = error.valid_up_to();
    let span = Span::new(start, start + char::REPLACEMENT_CHARACTER.len_utf8());
    let fault = Diagnostic::warning("not-utf8", span, "the file is not UTF-8 from here on")
        .with_help("save the file as UTF-8");
    (String::from_utf8_lossy(source), Some(fault))
}

/// Parses the text of one ONBUILD trigger, as an image config holds it, heredocs included (A12).
///
/// The escape character is always `\`: the text comes without directives.
pub fn parse_trigger(text: &str) -> (Option<Instruction>, Vec<Diagnostic>) {
    let mut context = Context { escape: '\\', diagnostics: Vec::new(), trigger: false };
    let mut instructions = Vec::new();
    read(&mut LogicalLines::new(PhysicalLines::new(text), '\\'), &mut context, &mut instructions);
    let second = instructions.get(1).map(|instruction| {
        let message = "an ONBUILD trigger is more than one instruction";
        Diagnostic::error("forbidden-trigger", instruction.span, message)
    });
    context.diagnostics.extend(second);
    (instructions.into_iter().next(), context.diagnostics)
}

fn escape(directives: &[Directive]) -> char {
    let found = directives.iter().find_map(|directive| match directive.kind {
        DirectiveKind::Escape(escape) => Some(escape),
        _ => None,
    });
    found.unwrap_or('\\')
}

/// An instruction name that was read, known or not, and its place.
type Name = (Option<Keyword>, Span);

fn read(
    lines: &mut LogicalLines<'_>,
    context: &mut Context,
    instructions: &mut Vec<Instruction>,
) -> Vec<Name> {
    let mut names = Vec::new();
    while let Some(line) = lines.next() {
        let (name, instruction) = instruction(line, lines, context);
        names.push(name);
        instructions.extend(instruction);
    }
    context.diagnostics.append(&mut lines.diagnostics);
    names
}

/// The name, the flags and the arguments of an instruction.
pub(crate) struct Head<'l> {
    /// The name as written.
    pub(crate) word: Fragment<'l>,
    /// The name, if there is such an instruction.
    pub(crate) keyword: Option<Keyword>,
    pub(crate) flags: Vec<Flag>,
    pub(crate) rest: Fragment<'l>,
}

impl<'l> Head<'l> {
    pub(crate) fn read(line: Fragment<'l>, escape: char) -> Self {
        let line = line.trim();
        let (word, behind) = split::first_word(line);
        let (flags, rest) = match behind {
            Some(behind) => flag::flags(behind, escape),
            None => (Vec::new(), line.tail("")),
        };
        Self { keyword: Keyword::parse(word.text()), word, flags, rest: rest.trim() }
    }
}

fn instruction(
    line: LogicalLine<'_>,
    lines: &mut LogicalLines<'_>,
    context: &mut Context,
) -> (Name, Option<Instruction>) {
    let whole = Fragment::whole(&line.content);
    let head = Head::read(whole, context.escape);
    let name = (head.keyword, head.word.span());
    let heredocs = heredocs(whole, &head, lines, context);
    let Some(keyword) = head.keyword else {
        context.diagnostics.push(unknown(head.word, context.escape));
        return (name, None);
    };
    let mut instruction = Statement { keyword, head, heredocs }.read(context);
    if let Some(instruction) = &mut instruction {
        let delimiter = instruction.heredocs.last().map(|heredoc| heredoc.delimiter);
        instruction.span = delimiter.map_or(line.span, |end| line.span.cover(end));
        let last = if delimiter.is_some() { lines.number() } else { line.last };
        instruction.lines = (line.first, last);
        instruction.comments = line.comments;
        instruction.blank_lines = line.blank_lines;
        instruction.original = line.content.text.into_owned();
    }
    (name, instruction)
}

/// Reads the heredocs whose markers stand on the line.
fn heredocs(
    whole: Fragment<'_>,
    head: &Head<'_>,
    lines: &mut LogicalLines<'_>,
    context: &mut Context,
) -> Vec<Heredoc> {
    let mut heredocs = Vec::new();
    if !may_have_heredocs(whole, head, context.escape) {
        return heredocs;
    }
    for marker in heredoc::markers(whole.text()) {
        let place = whole.part(marker.start..marker.end).span();
        match heredoc::body(marker, place, lines) {
            Ok(heredoc) => heredocs.push(heredoc),
            Err(fault) => context.diagnostics.push(fault),
        }
    }
    heredocs
}

/// RUN, COPY and ADD may, not in exec form, and ONBUILD of these (A6.1, A6.9).
fn may_have_heredocs(whole: Fragment<'_>, head: &Head<'_>, escape: char) -> bool {
    match head.keyword {
        Some(Keyword::Onbuild) => {
            let trigger = Head::read(head.rest, escape);
            trigger.keyword != Some(Keyword::Onbuild) && may_have_heredocs(whole, &trigger, escape)
        }
        Some(keyword) if keyword.takes_heredocs() => {
            whole.text().contains("<<") && !matches!(json::array(head.rest), JsonArray::Strings(_))
        }
        _ => false,
    }
}

/// The fault of a name that is no instruction.
pub(crate) fn unknown(word: Fragment<'_>, escape: char) -> Diagnostic {
    let name = word.text();
    if name.is_empty() {
        return Diagnostic::error("empty-instruction", word.span(), "nothing is continued here")
            .with_help(format!("take the `{escape}` out"));
    }
    let message = format!("there is no instruction `{name}`");
    let fault = Diagnostic::error("unknown-instruction", word.span(), message);
    match Keyword::nearest(name) {
        Some(near) => fault.with_suggestion(Some(near)),
        None => fault.with_help(format!(
            "to go on with the instruction above, end its last line with `{escape}`"
        )),
    }
}

/// Faults of the file as a whole: nothing in it, nothing to build, instructions too early (A1.9, A1.10).
fn order_faults(source: &str, names: &[Name]) -> Vec<Diagnostic> {
    let end = Span::point(source.len());
    if names.is_empty() {
        let text = source.trim_start_matches('\u{feff}');
        return vec![if text.trim().is_empty() {
            Diagnostic::error("empty-file", end, "the Dockerfile is empty")
        } else {
            Diagnostic::error("no-instructions", end, "the Dockerfile has no instructions")
        }];
    }
    let from = names.iter().position(|(name, _)| *name == Some(Keyword::From));
    let early = names.iter().take(from.unwrap_or(names.len()));
    let mut faults: Vec<Diagnostic> = early
        .filter_map(|(name, span)| {
            name.filter(|name| *name != Keyword::Arg).map(|name| (name, *span))
        })
        .map(|(name, span)| too_early(name, span))
        .collect();
    if from.is_none() {
        faults.clear();
        let span = names.last().map_or(end, |(_, span)| *span);
        faults.push(
            Diagnostic::error(
                "no-stage",
                span,
                "the Dockerfile has no FROM, so there is nothing to build",
            )
            .with_help("start with `FROM image`, or with `FROM scratch` for an empty one"),
        );
    }
    faults
}

fn too_early(name: Keyword, span: Span) -> Diagnostic {
    let message = format!("{} stands before the first FROM", name.name());
    Diagnostic::error("instruction-before-from", span, message)
        .with_help("only ARG may: move the instruction below a FROM")
}
