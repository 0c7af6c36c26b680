//! # POSIX has no `local`
//!
//! `local` is not in POSIX. dash, BusyBox and bash have it, so that it works in most images; ksh does not.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN f() { local a=1; echo "$a"; }; f
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN f() ( a=1; echo "$a" ); f
//! ```
//!
//! **Fix**: none: a subshell keeps more to itself than the variable.

use lapstrake_parser::Severity;

use crate::dialect::ShellRun;
use crate::finding::Findings;
use crate::rule::{Check, Rule};

pub(super) static RULE: Rule =
    Rule::shellcheck("local-in-sh", &["SC3043"], Severity::Warning, Check::Shell(check));

fn check(run: &ShellRun<'_>, findings: &mut Findings<'_>) {
    for command in run.commands_in_sh().filter(|command| command.name() == "local") {
        findings.add(command.name_span(), "`local` is not defined in sh");
    }
}
