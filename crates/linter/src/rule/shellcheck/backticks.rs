//! # Substitutions stand in `$(…)`
//!
//! Between backticks each quote, `\` and `$` is read twice, and one pair does not go inside another.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN echo `uname -m` > /arch
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN echo $(uname -m) > /arch
//! ```
//!
//! **Fix**: none: each `\` inside has to be read again.

use lapstrake_parser::Severity;

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::run::Run;
use crate::shell::PieceKind;

pub(super) static RULE: Rule =
    Rule::shellcheck("backticks", &["SC2006"], Severity::Info, Check::Script(check));

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    for piece in run.pieces() {
        if matches!(piece.kind, PieceKind::Substitution { in_backticks: true, .. }) {
            let message = "backticks are hard to read and to nest";
            findings.add(piece.span, message).help("write `$(…)`");
        }
    }
}
