//! # Long chains of commands are here-documents
//!
//! In a here-document each command has its line, without `&&` and a backslash behind each, and a comment may stand wherever one is needed.
//! With `set -e` the script stops where the chain would. Looks at RUNs in shell form of three commands and more, on as many lines,
//! that a shell of POSIX reads. Quiet where `# syntax=` names a version that has no here-documents.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN apt-get update && \
//!     apt-get install -y --no-install-recommends curl && \
//!     rm -rf /var/lib/apt/lists/*
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN <<EOF
//! set -e
//! apt-get update
//! apt-get install -y --no-install-recommends curl
//! rm -rf /var/lib/apt/lists/*
//! EOF
//! ```
//!
//! **Fix**: unsafe: the step has another text, and so runs again. None where comments or blank lines stand between the commands, and where
//! `set -e` would not do the same: with `||`, `!`, `&`, or where `if`, loops and groups are joined by `&&`; nor in a
//! file whose lines end as on Windows.

use lapstrake_parser::{CommandForm, DirectiveKind, InstructionKind, Safety, Severity, Span};

use crate::dialect::ShellRun;
use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::shell::tree::{Chain, Pipeline};
use crate::shell::{List, NodeKind, Script};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::own("prefer-heredoc", Severity::Info, Check::Shell(check)).strict();

/// As many commands, on as many lines, are too many for a chain.
const MANY: usize = 3;

/// Ends the script.
const END: &str = "EOF";

fn check(run: &ShellRun<'_>, findings: &mut Findings<'_>) {
    let run_of = &run.run;
    let (instruction, script) = (run_of.instruction, run_of.script);
    let InstructionKind::Run(CommandForm::Shell(text)) = &instruction.kind else { return };
    let Some((only, _)) = run.texts().next() else { return };
    let list = &only.part.list;
    let count: usize = list.chains.iter().map(|chain| chain.pipelines.len()).sum();
    let written = run_of.subject.source.get(instruction.span.range()).unwrap_or_default();
    let lines = written.lines().count();
    let is_plain = instruction.heredocs.is_empty() && script.parts.len() == 1;
    if run_of.is_trigger || !is_plain || count < MANY || lines < MANY || is_old(run_of.subject) {
        return;
    }
    let message = format!("{count} commands on {lines} lines in a chain");
    let draft = findings.add(instruction.keyword().span, message);
    let draft = draft.help("write them as a here-document that begins with `set -e`");
    draft.fix_all(Safety::Unsafe, edit(run_of.subject, text.span(), script, list));
}

/// True if the file asks for a version of its syntax that is older than here-documents (1.4).
fn is_old(subject: &Subject<'_>) -> bool {
    subject.dockerfile.directives.iter().any(|directive| match &directive.kind {
        DirectiveKind::Syntax(image) => {
            let version = image.rsplit(':').next().unwrap_or_default();
            let version = version.split('-').next().unwrap_or_default();
            let mut numbers = version.split('.').map(str::parse::<u32>);
            matches!((numbers.next(), numbers.next()), (Some(Ok(1)), Some(Ok(0..=3))))
        }
        _ => false,
    })
}

/// The here-document in place of the text; nothing if it might not do the same.
fn edit(subject: &Subject<'_>, text: Span, script: &Script, list: &List) -> Option<(Span, String)> {
    let source = subject.source;
    let written = source.get(text.range())?;
    let is_interrupted = |line: &str| line.trim().is_empty() || line.trim().starts_with('#');
    let is_plain = subject.dockerfile.escape == '\\' && !written.lines().any(is_interrupted);
    // Blanks behind the delimiter would be a part of it, and the shell does not go on behind a carriage return.
    let behind = source.get(text.end..)?;
    let rest = behind.split('\n').next()?;
    if !is_plain || written.contains(END) || written.contains('\r') || !rest.trim().is_empty() {
        return None;
    }
    let commands = commands(script, list)?;
    let mut body = String::new();
    if !commands.stop {
        body += "set -e\n";
    }
    let mut end = text.start;
    for span in commands.spans {
        let between = source.get(end..span.start)?;
        let is_joint = |c: char| c.is_whitespace() || matches!(c, '&' | ';' | '\\');
        let command = source.get(span.range()).filter(|command| goes_on(command))?;
        if !between.chars().all(is_joint) {
            return None;
        }
        body += command;
        body += "\n";
        end = span.end;
    }
    let left = source.get(end..text.end)?;
    let is_done = left.chars().all(|c| c.is_whitespace() || matches!(c, ';' | '\\'));
    let span = Span::new(text.start, text.end + rest.len());
    is_done.then(|| (span, format!("<<{END}\n{body}{END}")))
}

/// The commands of a script, one line each.
struct Commands {
    /// The first has the shell stop at a failure.
    stop: bool,
    spans: Vec<Span>,
}

/// Nothing if they do not do the same on lines of their own.
fn commands(script: &Script, list: &List) -> Option<Commands> {
    let first = list.chains.first()?.pipelines.first()?;
    let stop = stops(script, first)?;
    let is_joined = |chain: &Chain| chain.joints.iter().all(|joint| joint.is_and);
    if list.chains.iter().any(|chain| chain.is_background || !is_joined(chain)) {
        return None;
    }
    let is_simple = |pipeline: &Pipeline| {
        let is_simple =
            |kind: &NodeKind| matches!(kind, NodeKind::Simple(_) | NodeKind::Assignments(_));
        pipeline.bang.is_none() && pipeline.nodes.iter().all(|node| is_simple(&node.kind))
    };
    let pipelines = || list.chains.iter().flat_map(|chain| &chain.pipelines);
    match list.chains.as_slice() {
        // What fails in a chain ends it, in `if` and groups as well or not at all.
        [_] if pipelines().all(is_simple) => {}
        // What `;` separates is on lines of its own.
        [first, ..] if stop && first.pipelines.len() == 1 => {}
        _ => return None,
    }
    let of_chain = |chain: &Chain| {
        let spans: Vec<Span> = chain.pipelines.iter().filter_map(span).collect();
        match list.chains.len() {
            1 => spans,
            _ => spans.into_iter().reduce(Span::cover).into_iter().collect(),
        }
    };
    let spans = list.chains.iter().flat_map(of_chain).collect();
    let changes = |command: &crate::shell::Command| {
        command.name() == "set" && command.arguments().iter().any(|word| word.text.starts_with('+'))
    };
    (!script.commands.iter().any(changes)).then_some(Commands { stop, spans })
}

/// True if the pipeline is `set -e`; nothing if what it does is not known.
fn stops(script: &Script, pipeline: &Pipeline) -> Option<bool> {
    let [node] = pipeline.nodes.as_slice() else { return Some(false) };
    let NodeKind::Simple(number) = node.kind else { return Some(false) };
    let command = script.commands.get(number)?;
    let is_flag =
        |word: &str| word.starts_with('-') && !word.starts_with("--") && word.contains('e');
    let is_set = command.name() == "set";
    Some(is_set && command.arguments().iter().any(|word| word.is_literal && is_flag(&word.text)))
}

fn span(pipeline: &Pipeline) -> Option<Span> {
    pipeline.nodes.iter().map(crate::shell::Node::whole_span).reduce(Span::cover)
}

/// True if the shell goes on with the next line where the builder does.
fn goes_on(command: &str) -> bool {
    let mut lines = command.lines().rev().skip(1).peekable();
    let is_long = lines.peek().is_some();
    let are_same = lines.all(|line| line.ends_with('\\') && !line.ends_with("\\\\"));
    !is_long || (are_same && !command.contains('\''))
}
