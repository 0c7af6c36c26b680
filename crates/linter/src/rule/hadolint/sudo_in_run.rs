//! # No sudo
//!
//! A build is root already, or is what USER says. sudo wants a terminal and passes signals on in its own way.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN sudo make install
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN make install
//! ```
//!
//! **Fix**: none: what is meant is for the author to say.

use lapstrake_parser::Severity;

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::run::Run;

pub(super) static RULE: Rule =
    Rule::hadolint("sudo-in-run", &["DL3004"], Severity::Error, Check::Script(check));

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    for command in run.commands(&["sudo"]) {
        let message = format!("`{}` has no place in a build", command.name());
        findings.add(command.name_span(), message).help("leave it out, or set USER");
    }
}
