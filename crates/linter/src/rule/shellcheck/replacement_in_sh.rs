//! # sh has no replacement in variables
//!
//! `${name/a/b}` is of bash; dash, which is /bin/sh in Debian and Ubuntu, ends with "bad substitution".
//!
//! ```dockerfile
//! FROM debian:12
//! RUN read -r version < /version && echo "${version/./-}"
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN read -r version < /version && echo "$version" | sed 's/[.]/-/'
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
    Rule::shellcheck("replacement-in-sh", &["SC3060"], Severity::Warning, Check::Shell(check));

fn check(run: &ShellRun<'_>, findings: &mut Findings<'_>) {
    for piece in run.pieces_in_sh() {
        if matches!(&piece.kind, PieceKind::Parameter(parameter) if is_of_bash(parameter)) {
            let draft = findings.add(piece.span, "`${name/…}` is not defined in sh");
            draft.help("use `sed`, or set SHELL to bash");
        }
    }
}

fn is_of_bash(parameter: &Parameter) -> bool {
    let modifier = parameter.modifier.as_str();
    let behind = match modifier.split_once(']') {
        Some((_, behind)) if modifier.starts_with('[') => behind,
        _ => modifier,
    };
    parameter.sign.is_none() && behind.starts_with('/')
}
