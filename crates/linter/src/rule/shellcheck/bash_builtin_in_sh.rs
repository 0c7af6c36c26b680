//! # sh has no commands of bash
//!
//! These are built into bash, and no program of that name is there: with another /bin/sh the RUN fails.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN pushd /src && make && popd
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! SHELL ["/bin/bash", "-c"]
//! RUN pushd /src && make && popd
//! ```
//!
//! **Fix**: none: whether the image has bash is not known here.

use lapstrake_parser::Severity;

use crate::dialect::ShellRun;
use crate::finding::Findings;
use crate::rule::{Check, Rule};

pub(super) static RULE: Rule =
    Rule::shellcheck("bash-builtin-in-sh", &["SC3044"], Severity::Warning, Check::Shell(check));

/// Commands that POSIX does not have.
const BUILTINS: [&str; 14] = [
    "caller",
    "compgen",
    "complete",
    "declare",
    "dirs",
    "disown",
    "enable",
    "mapfile",
    "popd",
    "pushd",
    "readarray",
    "shopt",
    "suspend",
    "typeset",
];

fn check(run: &ShellRun<'_>, findings: &mut Findings<'_>) {
    for command in run.commands_in_sh().filter(|command| BUILTINS.contains(&command.name())) {
        let message = format!("`{}` is not defined in sh", command.name());
        let draft = findings.add(command.name_span(), message);
        draft.help("set SHELL to bash");
    }
}
