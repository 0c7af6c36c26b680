//! # sh reads a file with `.`
//!
//! `source` is a word of bash. dash, which is /bin/sh in Debian and Ubuntu, does not know it, and the RUN fails.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN source /etc/profile && make
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN . /etc/profile && make
//! ```
//!
//! **Fix**: none: `.` looks for a name without `/` in PATH only.

use lapstrake_parser::Severity;

use crate::dialect::ShellRun;
use crate::finding::Findings;
use crate::rule::{Check, Rule};

pub(super) static RULE: Rule =
    Rule::shellcheck("source-in-sh", &["SC3046"], Severity::Warning, Check::Shell(check));

fn check(run: &ShellRun<'_>, findings: &mut Findings<'_>) {
    for command in run.commands_in_sh().filter(|command| command.name() == "source") {
        let draft = findings.add(command.name_span(), "`source` is not defined in sh");
        draft.help("write `.`");
    }
}
