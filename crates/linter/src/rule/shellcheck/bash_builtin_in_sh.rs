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

use lapstrake_parser::{Severity, Stage};

use crate::dialect::runs_in_sh;
use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::shellcheck("bash-builtin-in-sh", &["SC3044"], Severity::Warning, Check::Stage(check));

/// Commands that POSIX does not have.
const BUILTINS: [&str; 13] = [
    "caller", "compgen", "complete", "declare", "dirs", "disown", "enable", "mapfile", "popd", "pushd",
    "readarray", "shopt", "suspend",
];

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    for run in runs_in_sh(subject, stage) {
        for command in run.commands(&BUILTINS) {
            let message = format!("`{}` is not defined in sh", command.name());
            let draft = findings.add(command.name_span(), message);
            draft.help("set SHELL to bash");
        }
    }
}
