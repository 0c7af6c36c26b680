//! # yum does not ask
//!
//! yum asks before it installs. In a build nobody answers, and it gives up.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN yum install jq
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN yum install -y jq
//! ```
//!
//! **Fix**: safe: without an answer nothing is installed.

use lapstrake_parser::Severity;

use crate::finding::Findings;
use crate::package;
use crate::rule::{Check, Rule};
use crate::run::Run;

pub(super) static RULE: Rule =
    Rule::hadolint("yum-asks", &["DL3030"], Severity::Warning, Check::Script(check)).recommended();

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    for command in run.commands(&["yum"]) {
        let subcommand = ["install", "groupinstall", "localinstall"]
            .into_iter()
            .find(|name| command.has_argument(name));
        let answers = command.has_any_flag(&["y", "assumeyes"]);
        if let Some(subcommand) = subcommand.filter(|_| !answers) {
            package::report_asking(findings, command, subcommand, "-y");
        }
    }
}
