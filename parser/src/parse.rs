//! The parser: reads a file from top to bottom, instruction by instruction.

use crate::arguments::{Context, Statement};
use crate::buffer::LONGEST_FILE;
use crate::diagnostic::Diagnostic;
use crate::directive::{Directive, DirectiveKind, directives};
use crate::dockerfile::{Dockerfile, Instruction};
use crate::head::Head;
use crate::line_end::line_ends;
use crate::logical::{Layout, LogicalLine};
use crate::order::Order;
use crate::physical::PhysicalLines;
use crate::span::Span;
use crate::syntax;
use crate::unknown::{nothing_continued, unknown};
use std::borrow::Cow;
use std::sync::Arc;

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
    parse_shared(Arc::from(source))
}

/// Parses a Dockerfile whose text is shared already, so that the tree need not copy it.
pub fn parse_shared(source: Arc<str>) -> Parsed {
    if source.len() > LONGEST_FILE {
        return too_long();
    }
    let text = Arc::clone(&source);
    let mut diagnostics = Vec::new();
    let ends = line_ends(&text);
    let mut lines = PhysicalLines::new(&text, &ends);
    let directives = directives(&mut lines, &mut diagnostics);
    if directives.iter().all(|directive| directive.syntax().is_none()) {
        let elsewhere = syntax::elsewhere(&text);
        diagnostics.extend(elsewhere.and_then(|image| syntax::foreign(&image.value, image.span)));
    }
    let escape = escape(&directives);
    let mut layout = Layout::read(source, lines, escape);
    diagnostics.append(&mut layout.diagnostics);
    let mut context = Context { escape, diagnostics, trigger: false };
    let instructions = read(&layout, &mut context);
    let mut diagnostics = context.diagnostics;
    diagnostics.sort_by_key(|diagnostic| diagnostic.span);
    Parsed { dockerfile: Dockerfile { directives, escape, instructions }, diagnostics }
}

/// What comes of a file that is too long to be read.
fn too_long() -> Parsed {
    let message = format!("the Dockerfile is longer than {} MiB", LONGEST_FILE >> 20);
    let fault = Diagnostic::error("file-too-long", Span::default(), message);
    let dockerfile = Dockerfile { directives: Vec::new(), escape: '\\', instructions: Vec::new() };
    Parsed { dockerfile, diagnostics: vec![fault] }
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
    let error = match std::str::from_utf8(source) {
        Ok(text) => return (Cow::Borrowed(text), None),
        Err(error) => error,
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
    if text.len() > LONGEST_FILE {
        return (None, too_long().diagnostics);
    }
    let ends = line_ends(text);
    let lines = PhysicalLines::new(text, &ends);
    let mut layout = Layout::read(Arc::from(text), lines, '\\');
    let diagnostics = std::mem::take(&mut layout.diagnostics);
    let mut context = Context { escape: '\\', diagnostics, trigger: false };
    let mut instructions = Vec::new();
    for line in &layout.lines {
        let shared = layout.line(line);
        let head = Head::read(layout.whole(line, &shared), '\\');
        read_instruction(&layout, line, head, &mut context, &mut instructions);
    }
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

/// Reads the instructions of a whole file.
fn read(layout: &Layout, context: &mut Context) -> Vec<Instruction> {
    let mut instructions = Vec::with_capacity(layout.lines.len());
    let mut order = Order::default();
    for line in &layout.lines {
        let shared = layout.line(line);
        let whole = layout.whole(line, &shared);
        let head = Head::read(whole, context.escape);
        if !order.is_settled() {
            order.note(head.keyword, head.word.span(), whole.as_str());
        }
        read_instruction(layout, line, head, context, &mut instructions);
    }
    match layout.lines.is_empty() {
        true => context.diagnostics.push(no_instructions(layout.source())),
        false => context.diagnostics.extend(order.fault()),
    }
    instructions
}

/// Reads an instruction and adds it to the others. Adds a fault if it cannot be understood.
fn read_instruction(
    layout: &Layout,
    line: &LogicalLine,
    head: Head<'_>,
    context: &mut Context,
    instructions: &mut Vec<Instruction>,
) {
    let Some(keyword) = head.keyword else {
        context.diagnostics.push(match head.word.is_empty() {
            true => nothing_continued(line.span().start, context.escape),
            false => unknown(head.word, context.escape),
        });
        return;
    };
    let bodies = layout.bodies(line).iter();
    let heredocs = bodies.map(|body| body.heredoc(&layout.buffer)).collect();
    let statement = Statement { keyword, head, heredocs };
    let Some(kind) = statement.kind(context) else { return };
    instructions.push(Instruction {
        kind,
        flags: statement.head.flags,
        span: line.span(),
        lines: (line.first, line.last),
        heredocs: statement.heredocs,
        written: layout.written(line),
    });
}

/// The fault of a file with nothing in it (A1.9).
fn no_instructions(source: &str) -> Diagnostic {
    let end = Span::point(source.len());
    let fault = match source.trim_start_matches('\u{feff}').trim().is_empty() {
        true => Diagnostic::error("empty-file", end, "the Dockerfile is empty"),
        false => Diagnostic::error("no-instructions", end, "the Dockerfile has only comments"),
    };
    fault.with_help("start with `FROM image`, or with `FROM scratch` for an empty one")
}
