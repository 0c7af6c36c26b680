//! # sh has no substrings
//!
//! `${name:1:2}` is of bash; dash, which is /bin/sh in Debian and Ubuntu, ends with "bad substitution".
//!
//! ```dockerfile
//! FROM debian:12
//! RUN read -r version < /version && echo "${version:0:3}"
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN read -r version < /version && echo "$version" | cut -c 1-3
//! ```
//!
//! **Fix**: none: whether the image has bash is not known here.

use lapstrake_parser::Severity;

use crate::dialect::ShellRun;
use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::shell::PieceKind;
use crate::shell::piece::Parameter;

pub(super) static RULE: Rule =
    Rule::shellcheck("substring-in-sh", &["SC3057"], Severity::Warning, Check::Shell(check));

fn check(run: &ShellRun<'_>, findings: &mut Findings<'_>) {
    for piece in run.pieces_in_sh() {
        if matches!(&piece.kind, PieceKind::Parameter(parameter) if is_of_bash(parameter)) {
            let draft = findings.add(piece.span, "`${name:…}` with a number is not defined in sh");
            draft.help("use `cut`, or set SHELL to bash");
        }
    }
}

fn is_of_bash(parameter: &Parameter) -> bool {
    let behind = parameter.modifier.strip_prefix(':').and_then(|behind| behind.chars().next());
    let is_other = |letter: char| matches!(letter, '-' | '=' | '?' | '+');
    parameter.sign.is_none() && behind.is_some_and(|letter| !is_other(letter))
}
