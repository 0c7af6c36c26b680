//! Edits that fixes of several rules are made of.

use lapstrake_parser::{Instruction, Span};

use crate::run::Run;
use crate::shell::text::Text;
use crate::shell::tree::{Chain, Joint};
use crate::shell::{Command, Node};
use crate::subject::Subject;

/// What an edit replaces, and by what.
pub(crate) type Edit = (Span, String);

/// Has a RUN go on with a command if its last one succeeds. Nothing where what ends it is not known: it has an array,
/// ends with `exit`, or goes on in the background.
pub(crate) fn append(run: &Run<'_>, behind: &Command, text: &str) -> Option<Edit> {
    let mut texts = run.texts().iter().rev();
    let has_it =
        |text: &&Text<'_>| text.commands.iter().any(|(command, _)| command.span() == behind.span());
    let part = texts.find(has_it)?.part;
    let chain = part.list.chains.last().filter(|chain| !chain.is_background)?;
    let last = chain.pipelines.last()?.nodes.last()?;
    if ends_shell(run, last) {
        return None;
    }
    let end = last.whole_span().end;
    let joined = match part.heredoc {
        Some(_) => format!(" && {text}"),
        None => join(run, chain, last, text),
    };
    Some((Span::point(end), joined))
}

fn ends_shell(run: &Run<'_>, node: &Node) -> bool {
    let is_here = |command: &&Command| command.span().start >= node.span.start;
    let mut commands = run.script.commands.iter().filter(is_here);
    commands.any(|command| matches!(command.name(), "exit" | "exec"))
}

/// `&& text` in the manner of the lines above: on the same line, or on the next with the mark at its end or its
/// beginning.
fn join(run: &Run<'_>, chain: &Chain, last: &Node, text: &str) -> String {
    let (source, escape) = (run.subject.source, run.subject.dockerfile.escape);
    let start = line_start(source, last.span.start);
    if start <= run.instruction.span.start {
        return format!(" && {text}");
    }
    let line = source.get(start..last.span.start).unwrap_or_default();
    let indent = line.get(..line.len() - line.trim_start().len()).unwrap_or_default();
    let stands_behind = |joint: &Joint| line_start(source, joint.span.start) < start;
    match chain.joints.last().is_some_and(stands_behind) {
        true => format!(" && {escape}\n{indent}{text}"),
        false => format!(" {escape}\n{indent}&& {text}"),
    }
}

/// Takes an instruction out with its lines. Nothing if something is written above it that would then be about the
/// instruction below: comments that silence rules, and checks.
pub(crate) fn take_out(subject: &Subject<'_>, instruction: &Instruction) -> Option<Edit> {
    if is_spoken_of(subject, instruction) {
        return None;
    }
    let Span { start, end } = instruction.span;
    let line = line_start(subject.source, start);
    let behind = subject.source.get(end..)?;
    let rest = behind.find('\n').map_or(behind.len(), |at| at + 1);
    Some((Span::new(line, end + rest), String::new()))
}

/// Puts a line in front of an instruction. Nothing as for [`take_out`].
pub(crate) fn put_above(
    subject: &Subject<'_>,
    instruction: &Instruction,
    line: &str,
) -> Option<Edit> {
    let is_free = !is_spoken_of(subject, instruction);
    is_free.then(|| (Span::point(instruction.span.start), format!("{line}\n")))
}

/// True if a comment above the instruction is about it alone.
fn is_spoken_of(subject: &Subject<'_>, instruction: &Instruction) -> bool {
    let line = line_start(subject.source, instruction.span.start);
    let above = subject.source.get(..line).unwrap_or_default().lines().rev();
    let mut comments = above.map(str::trim_start).take_while(|line| line.starts_with('#'));
    comments.any(|comment| ["hadolint", "check=", "lap:"].iter().any(|word| comment.contains(word)))
}

fn line_start(source: &str, at: usize) -> usize {
    source.get(..at).and_then(|text| text.rfind('\n')).map_or(0, |at| at + 1)
}

/// Leaves a flag out, with the white space behind it.
pub(crate) fn leave_out(subject: &Subject<'_>, flag: Span) -> Edit {
    let behind = subject.source.get(flag.end..).unwrap_or_default();
    let blanks = behind.len() - behind.trim_start_matches([' ', '\t']).len();
    (Span::new(flag.start, flag.end + blanks), String::new())
}
