//! # A loop goes through more than one word
//!
//! A single word without a variable or pattern in it makes a loop of one turn: quotes may be wrong, or a `*` missing.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN for file in /etc/app; do chmod 644 "$file"; done
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN for file in /etc/app/*; do chmod 644 "$file"; done
//! ```
//!
//! **Fix**: none: what it is meant to go through is for the author to say.

use lapstrake_parser::Severity;

use crate::dialect::ShellRun;
use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::shell::{NodeKind, Piece, PieceKind, ShellWord};

pub(super) static RULE: Rule =
    Rule::shellcheck("loop-runs-once", &["SC2043"], Severity::Warning, Check::Shell(check));

fn check(run: &ShellRun<'_>, findings: &mut Findings<'_>) {
    for node in run.nodes() {
        let NodeKind::For { words: Some(words), .. } = &node.kind else { continue };
        let [word] = words.as_slice() else { continue };
        if is_one(word) {
            findings.add(word.span, "this loop has one turn").help("is a `*` missing, or a `$`?");
        }
    }
}

/// True for what is one word whatever happens. What is wholly in quotes, and commas for blanks, are other faults.
fn is_one(word: &ShellWord) -> bool {
    let is_quoted =
        |piece: &Piece| matches!(piece.kind, PieceKind::Double(_) | PieceKind::Single(_));
    let is_all_quoted = matches!(word.pieces.as_slice(), [piece] if is_quoted(piece));
    let is_bare = word.pieces.iter().all(|piece| matches!(piece.kind, PieceKind::Literal(_)));
    let has_comma = is_bare && word.text.contains(',');
    !is_all_quoted && !has_comma && !word.pieces.iter().any(may_be_several)
}

fn may_be_several(piece: &Piece) -> bool {
    match &piece.kind {
        PieceKind::Literal(_) | PieceKind::Single(_) | PieceKind::DollarSingle(_) => false,
        PieceKind::Arithmetic(_) => false,
        PieceKind::Double(pieces) => pieces.iter().any(|piece| match &piece.kind {
            PieceKind::Parameter(parameter) => parameter.is_array() || parameter.sign == Some('!'),
            _ => false,
        }),
        _ => true,
    }
}
