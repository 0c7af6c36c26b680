//! # What is fetched is looked at before it runs
//!
//! `curl … | sh` runs whatever the other side sends today, as root as a rule, and half of it if the connection breaks. Fetched
//! with `ADD --checksum`, a script is the one that somebody has read.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN curl -fsSL https://example.com/install.sh | sh
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! ADD --checksum=sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d https://example.com/install.sh /tmp/
//! RUN sh /tmp/install.sh
//! ```
//!
//! **Fix**: none: the checksum is for the author to find.

use lapstrake_parser::{Severity, Span};

use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::run::Run;
use crate::shell::{Command, NodeKind, Piece, PieceKind, Script};

pub(super) static RULE: Rule = Rule::own("pipe-to-shell", Severity::Warning, Check::Script(check))
    .strict()
    .confident(Confidence::Medium);

const READERS: [&str; 12] = [
    "sh", "bash", "ash", "dash", "zsh", "ksh", "python", "python2", "python3", "perl", "ruby",
    "node",
];

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    for command in &run.script.commands {
        let runs = READERS.contains(&command.base_name())
            || matches!(command.name(), "eval" | "source" | ".");
        let mut words = command.arguments().iter().filter(|_| runs);
        if words.any(|word| word.pieces.iter().any(|piece| fetches(run.script, piece))) {
            report(command, command.span(), findings);
            return;
        }
    }
    for pipeline in run.pipelines() {
        let mut source: Option<&Command> = None;
        for node in &pipeline.nodes {
            let NodeKind::Simple(number) = node.kind else { continue };
            let Some(command) = run.script.commands.get(number) else { continue };
            if matches!(command.base_name(), "curl" | "wget") {
                source = Some(command);
            } else if let Some(source) = source.filter(|_| reads_program(command)) {
                report(command, source.span().cover(command.span()), findings);
                break;
            }
        }
    }
}

fn report(command: &Command, span: Span, findings: &mut Findings<'_>) {
    let message = format!("`{}` runs what comes, and nobody has looked at it", reader(command));
    findings.add(span, message).help("fetch it with `ADD --checksum=…`, and run the file");
}

/// True for `$(curl …)`, `<(curl …)` and the like.
fn fetches(script: &Script, piece: &Piece) -> bool {
    let list = match &piece.kind {
        PieceKind::Double(pieces) => return pieces.iter().any(|piece| fetches(script, piece)),
        PieceKind::Substitution { list, .. } | PieceKind::Process(list) => list,
        _ => return false,
    };
    let pipelines = list.chains.iter().flat_map(|chain| &chain.pipelines);
    let first = pipelines.filter_map(|pipeline| pipeline.nodes.first());
    let mut commands = first.filter_map(|node| match node.kind {
        NodeKind::Simple(number) => script.commands.get(number),
        _ => None,
    });
    commands.any(|command| matches!(command.base_name(), "curl" | "wget"))
}

/// The program, behind `sudo` and `env` as well.
fn reader(command: &Command) -> &str {
    let behind = || {
        let mut words = command
            .arguments()
            .iter()
            .filter(|word| !word.text.starts_with('-') && !word.text.contains('='));
        words.next().map_or("", |word| word.text.rsplit('/').next().unwrap_or_default())
    };
    match command.base_name() {
        "sudo" | "env" => behind(),
        name => name,
    }
}

/// True for a shell or the like that reads its program from its input: `sh`, `sh -s …`, `python -`.
fn reads_program(command: &Command) -> bool {
    let name = reader(command);
    if matches!(command.base_name(), "sudo" | "env") {
        return READERS.contains(&name);
    }
    let mut words = command.arguments().iter().map(|word| word.text.as_str());
    let first = words.next();
    let is_told = first.is_some_and(|word| {
        !word.starts_with('-') || matches!(word, "-c" | "-e" | "-m" | "-ne" | "-pe")
    });
    READERS.contains(&name) && !is_told
}
