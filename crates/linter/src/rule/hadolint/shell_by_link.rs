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
//! **Fix**: unsafe, for a RUN that does nothing else: scripts of the image may count on the link. Else none.

use lapstrake_parser::{Safety, Severity};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::run::Run;

pub(super) static RULE: Rule =
    Rule::hadolint("shell-by-link", &["DL4005"], Severity::Warning, Check::Script(check));

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    for command in run.commands(&["ln"]) {
        if let Some(target) = command.arguments().iter().find(|word| word.text == "/bin/sh") {
            let draft = findings.add(target.span, "another shell for all scripts of the image");
            let draft = draft.help("use SHELL");
            let mut words = command.arguments().iter().filter(|word| !word.text.starts_with('-'));
            let shell = words.next().filter(|word| word.text.starts_with('/') && word.is_literal);
            let is_all = run.script.commands.len() == 1 && run.script.pipes.is_empty();
            if let Some(shell) = shell.filter(|_| is_all && !run.is_trigger) {
                let line = format!("SHELL [\"{}\", \"-c\"]", shell.text);
                draft.fix(Safety::Unsafe, [(run.instruction.span, line)]);
            }
        }
    }
}
