//! # zypper does not ask
//!
//! zypper asks before it installs. In a build nobody answers, and it gives up.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN zypper install jq
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN zypper install -y jq
//! ```
//!
//! **Fix**: safe: without an answer nothing is installed.

use lapstrake_parser::Severity;

use crate::finding::Findings;
use crate::package;
use crate::rule::{Check, Rule};
use crate::run::Run;

pub(super) static RULE: Rule =
    Rule::hadolint("zypper-asks", &["DL3034"], Severity::Warning, Check::Script(check))
        .recommended();

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    for command in run.commands(&["zypper"]) {
        let subcommand = ["install", "in", "remove", "rm", "source-install", "si", "patch"]
            .into_iter()
            .find(|name| command.has_argument(name));
        let answers = command.has_any_flag(&["n", "non-interactive", "y", "no-confirm"]);
        if let Some(subcommand) = subcommand.filter(|_| !answers) {
            package::report_asking(findings, command, subcommand, "-y");
        }
    }
}
