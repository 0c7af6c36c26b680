//! # apt-get in place of apt
//!
//! apt is made for people at a terminal: what it prints and takes may change, and it says so itself.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN apt update
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN apt-get update
//! ```
//!
//! **Fix**: safe for the subcommands that both have.

use lapstrake_parser::{Safety, Severity};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::run::Run;

pub(super) static RULE: Rule =
    Rule::hadolint("apt-in-script", &["DL3027"], Severity::Warning, Check::Script(check));

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    for command in run.commands(&["apt"]) {
        let draft = findings.add(command.name_span(), "apt is not made for scripts");
        let draft = draft.help("use apt-get, or apt-cache");
        let both = ["install", "update", "upgrade", "remove", "purge", "clean", "autoremove"];
        let subcommand = command.operands(&[]).first().map(|word| word.text.as_str());
        if subcommand.is_some_and(|name| both.contains(&name)) {
            draft.fix(Safety::Safe, [(command.name_span(), "apt-get".to_owned())]);
        }
    }
}
