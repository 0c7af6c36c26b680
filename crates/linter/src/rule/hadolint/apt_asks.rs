//! # apt-get does not ask
//!
//! apt-get asks before it installs. In a build nobody answers, and it gives up.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN apt-get install jq
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN apt-get install -y jq
//! ```
//!
//! **Fix**: safe: without an answer nothing is installed.

use lapstrake_parser::Severity;

use crate::finding::Findings;
use crate::package;
use crate::rule::{Check, Rule};
use crate::run::Run;

pub(super) static RULE: Rule =
    Rule::hadolint("apt-asks", &["DL3014"], Severity::Warning, Check::Script(check)).recommended();

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    for command in run.commands(&["apt-get"]) {
        let subcommand = ["install"].into_iter().find(|name| command.has_argument(name));
        let answers = command.has_any_flag(&["y", "yes", "qq", "assume-yes"])
            || command.count_flag("q") + command.count_flag("quiet") >= 2
            || command.has_any_argument(&["-q=2", "--quiet=2"]);
        if let Some(subcommand) = subcommand.filter(|_| !answers) {
            package::report_asking(findings, command, subcommand, "-y");
        }
    }
}
