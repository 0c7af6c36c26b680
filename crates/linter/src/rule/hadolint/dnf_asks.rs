//! # dnf does not ask
//!
//! dnf asks before it installs. In a build nobody answers, and it gives up. microdnf never asks: only the preset
//! `hadolint` tells of it.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN dnf install jq
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN dnf install -y jq
//! ```
//!
//! **Fix**: safe: without an answer nothing is installed.

use lapstrake_parser::Severity;

use crate::finding::Findings;
use crate::package;
use crate::rule::{Check, Rule};
use crate::run::Run;

pub(super) static RULE: Rule =
    Rule::hadolint("dnf-asks", &["DL3038"], Severity::Warning, Check::Script(check)).recommended();

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    for command in run.commands(&["dnf", "microdnf"]) {
        let subcommand = ["install", "groupinstall", "localinstall"]
            .into_iter()
            .find(|name| command.has_argument(name));
        let answers = command.has_any_flag(&["y", "assumeyes"]);
        if let Some(subcommand) = subcommand.filter(|_| !answers) {
            let draft = package::report_asking(findings, command, subcommand, "-y");
            // It has no questions: `-y` is there for those who know `dnf`.
            draft.unless(command.name() == "microdnf");
        }
    }
}
