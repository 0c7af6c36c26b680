//! # sh has no brace expansion
//!
//! bash makes several words of `{a,b}`; for sh that is a name like any other: one folder of that name is made.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN mkdir -p /srv/{data,log}
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN mkdir -p /srv/data /srv/log
//! ```
//!
//! **Fix**: none: whether the image has bash is not known here.

use lapstrake_parser::Severity;

use crate::dialect::ShellRun;
use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::shell::PieceKind;

pub(super) static RULE: Rule =
    Rule::shellcheck("braces-in-sh", &["SC3009"], Severity::Warning, Check::Shell(check));

fn check(run: &ShellRun<'_>, findings: &mut Findings<'_>) {
    for piece in run.pieces_in_sh() {
        if matches!(piece.kind, PieceKind::Braces(_)) {
            let draft = findings.add(piece.span, "sh does not expand braces");
            draft.help("write each word, or set SHELL to bash");
        }
    }
}
