//! # Substitutions stand in double quotes
//!
//! Without quotes the shell splits what the command has printed at blanks, and takes `*`, `?` and `[` in it for
//! patterns of file names.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN cp $(find / -name app.conf) /etc
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN cp "$(find / -name app.conf)" /etc
//! ```
//!
//! **Fix**: doubtful: where a list of words is meant to be split, quotes make one of it.

use lapstrake_parser::{Safety, Severity, Span};

use crate::dialect::ShellRun;
use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::shell::{List, NodeKind, Piece, PieceKind, Script};

pub(super) static RULE: Rule =
    Rule::shellcheck("unquoted-substitution", &["SC2046"], Severity::Warning, Check::Shell(check))
        .confident(Confidence::Medium);

/// Programs that print words which are meant to be split.
const PRINTS_WORDS: [&str; 2] = ["seq", "pgrep"];

fn check(run: &ShellRun<'_>, findings: &mut Findings<'_>) {
    let script = run.run.script;
    for (text, dialect) in run.texts() {
        for (word, role) in &text.words {
            if role.is_split(word, dialect.assigns_arguments()) && !role.is_program(word) {
                report(&word.pieces, script, findings);
            }
        }
    }
}

fn report(pieces: &[Piece], script: &Script, findings: &mut Findings<'_>) {
    for piece in pieces {
        match &piece.kind {
            PieceKind::Braces(inner) => report(inner, script, findings),
            PieceKind::Substitution { list, .. } if !prints_words(list, script) => {
                let span = piece.span;
                let quote = || "\"".to_owned();
                let edits = [(Span::point(span.start), quote()), (Span::point(span.end), quote())];
                let message = "what this prints is split at blanks, and file names take its place";
                let draft = findings.add(span, message).help("put it in double quotes");
                draft.fix(Safety::Unsafe, edits);
            }
            _ => {}
        }
    }
}

/// True for no command at all, too.
fn prints_words(list: &List, script: &Script) -> bool {
    let [chain] = list.chains.as_slice() else { return list.chains.is_empty() };
    let [pipeline] = chain.pipelines.as_slice() else { return false };
    let [node] = pipeline.nodes.as_slice() else { return false };
    match node.kind {
        NodeKind::Simple(at) => {
            let name = script.commands.get(at).map_or("", |command| command.name());
            PRINTS_WORDS.contains(&name)
        }
        _ => false,
    }
}
