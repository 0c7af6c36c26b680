//! # A file needs no cat to be read
//!
//! `cat file | command` starts a program more and hides whether the file could be read. ShellCheck has this rule, and
//! leaves it off unless it is asked for (`--enable=useless-use-of-cat`).
//!
//! ```dockerfile
//! FROM debian:12
//! RUN cat packages.txt | xargs apt-get install -y
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN xargs apt-get install -y < packages.txt
//! ```
//!
//! **Fix**: none: whether the command takes the name of a file is not known.

use lapstrake_parser::Severity;

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::run::Run;
use crate::shell::{NodeKind, Piece, PieceKind};

pub(super) static RULE: Rule =
    Rule::shellcheck("useless-cat", &["SC2002"], Severity::Info, Check::Script(check)).strict();

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    for pipeline in run.pipelines() {
        let [first, _, ..] = pipeline.nodes.as_slice() else { continue };
        let NodeKind::Simple(number) = first.kind else { continue };
        let cat = run.script.commands.get(number).filter(|command| command.name() == "cat");
        let Some([file]) = cat.map(|cat| cat.arguments()) else { continue };
        if !file.text.starts_with('-') && !file.pieces.iter().any(may_be_several) {
            let draft = findings.add(file.span, "the command behind can read this file itself");
            draft.help(format!("leave out `cat`: `… < {}`", file.text));
        }
    }
}

/// True if a word with this piece may become several words.
fn may_be_several(piece: &Piece) -> bool {
    let is_array = |piece: &Piece| matches!(&piece.kind, PieceKind::Parameter(parameter) if parameter.is_array());
    match &piece.kind {
        PieceKind::Literal(_) | PieceKind::Single(_) | PieceKind::DollarSingle(_) => false,
        PieceKind::Double(pieces) => pieces.iter().any(is_array),
        _ => true,
    }
}
