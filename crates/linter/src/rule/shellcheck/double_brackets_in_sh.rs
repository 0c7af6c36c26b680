//! # sh has no `[[`
//!
//! `[[ … ]]` is of bash; dash, which is /bin/sh in Debian and Ubuntu, looks for a program of that name.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN if [[ -e /x ]]; then make; fi
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN if [ -e /x ]; then make; fi
//! ```
//!
//! **Fix**: none: `[` has neither patterns nor `&&`, and splits variables.

use lapstrake_parser::Severity;

use crate::dialect::ShellRun;
use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::shell::NodeKind;

pub(super) static RULE: Rule =
    Rule::shellcheck("double-brackets-in-sh", &["SC3010"], Severity::Warning, Check::Shell(check));

fn check(run: &ShellRun<'_>, findings: &mut Findings<'_>) {
    for node in run.nodes_in_sh() {
        if matches!(node.kind, NodeKind::Test(_)) {
            findings.add(node.span, "`[[` is not defined in sh").help("write `[ … ]`");
        }
    }
}
