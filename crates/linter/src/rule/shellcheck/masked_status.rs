//! # export takes the place of the exit status
//!
//! `export`, `local` and the like end well even if the command in `$(…)` has failed; with a command of its own the
//! failure is seen.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN export VERSION="$(cat /version)" && make
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN VERSION="$(cat /version)" && export VERSION && make
//! ```
//!
//! **Fix**: none: what is to be done if the command fails is for the author to say.

use lapstrake_parser::{Severity, Span};

use crate::dialect::ShellRun;
use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::shell::walk::{DECLARING, Role};
use crate::shell::{Piece, PieceKind, ShellWord};

pub(super) static RULE: Rule =
    Rule::shellcheck("masked-status", &["SC2155"], Severity::Warning, Check::Shell(check));

fn check(run: &ShellRun<'_>, findings: &mut Findings<'_>) {
    for (word, role) in run.words() {
        let Role::Argument(command, at) = role else { continue };
        let is_meant = !command.is_program(at) && DECLARING.contains(&command.name());
        if is_meant && has_status(word) {
            let (name, _) = word.assigned_name().unwrap_or_default();
            let start = word.span.start;
            let span = Span::new(start, start + name.len());
            let message = format!("`{}` hides whether this fails", command.name());
            let help = format!("set `{name}` first: `{name}=… && {} {name}`", command.name());
            findings.add(span, message).help(help);
        }
    }
}

/// True for an assignment of what a command prints.
fn has_status(word: &ShellWord) -> bool {
    let in_quotes = |piece: &Piece| match &piece.kind {
        PieceKind::Double(pieces) => pieces.iter().any(Piece::is_substitution),
        _ => piece.is_substitution(),
    };
    word.assigned_name().is_some() && word.pieces.iter().any(in_quotes)
}
