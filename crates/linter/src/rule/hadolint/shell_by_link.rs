//! # SHELL in place of a link
//!
//! Another shell at `/bin/sh` changes every script of the image. SHELL changes those of the build.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN ln -sf /bin/bash /bin/sh
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! SHELL ["/bin/bash", "-c"]
//! ```
//!
//! **Fix**: none: scripts of the image may count on it.

use lapstrake_parser::Severity;

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::run::Run;

pub(super) static RULE: Rule =
    Rule::hadolint("shell-by-link", &["DL4005"], Severity::Warning, Check::Script(check));

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    for command in run.commands(&["ln"]) {
        if let Some(target) = command.arguments().iter().find(|word| word.text == "/bin/sh") {
            findings
                .add(target.span, "another shell for all scripts of the image")
                .help("use SHELL");
        }
    }
}
