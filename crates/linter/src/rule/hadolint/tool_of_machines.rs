//! # No tools for machines that run
//!
//! A build is no machine that runs: there are no services to start and no people to look at a list.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN ps aux
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN date
//! ```
//!
//! **Fix**: none: what is meant is for the author to say.

use lapstrake_parser::Severity;

use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::run::Run;

pub(super) static RULE: Rule =
    Rule::hadolint("tool-of-machines", &["DL3001"], Severity::Info, Check::Script(check))
        .confident(Confidence::Low);

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    for command in
        run.commands(&["free", "kill", "mount", "ps", "service", "shutdown", "ssh", "top", "vim"])
    {
        let message = format!("`{}` has no place in a build", command.name());
        findings.add(command.name_span(), message).help("leave it out");
    }
}
