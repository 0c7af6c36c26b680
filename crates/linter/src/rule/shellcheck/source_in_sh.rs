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

use lapstrake_parser::{Severity, Stage};

use crate::dialect::runs_in_sh;
use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::shellcheck("source-in-sh", &["SC3046"], Severity::Warning, Check::Stage(check));

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    for run in runs_in_sh(subject, stage) {
        for command in run.commands(&["source"]) {
            let draft = findings.add(command.name_span(), "`source` is not defined in sh");
            draft.help("write `.`");
        }
    }
}
