//! # sh compares with one `=`
//!
//! `==` in tests is of bash; dash, which is /bin/sh in Debian and Ubuntu, ends the test with an error, and the condition is false.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN if [ "$(arch)" == x86_64 ]; then make; fi
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN if [ "$(arch)" = x86_64 ]; then make; fi
//! ```
//!
//! **Fix**: safe in `[` and `test`: bash and all others read `=` in the same way.

use lapstrake_parser::{Safety, Severity};

use crate::dialect::ShellRun;
use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::shell::walk::{Role, Seen};
use crate::shell::{Command, ShellWord};

pub(super) static RULE: Rule =
    Rule::shellcheck("double-equals-in-sh", &["SC3014"], Severity::Warning, Check::Shell(check));

fn check(run: &ShellRun<'_>, findings: &mut Findings<'_>) {
    run.walk_in_sh(&mut |seen| {
        let (Seen::Word(word, Role::Test) | Seen::Word(word, Role::Argument(..))) = seen else { return };
        let Seen::Word(_, role) = seen else { return };
        if word.text == "==" && compares(role, word) {
            let draft = findings.add(word.span, "`==` is not defined in sh");
            draft.help("write `=`").fix(Safety::Safe, [(word.span, "=".to_owned())]);
        }
    });
}

/// True between two words of a test.
fn compares(role: Role<'_>, word: &ShellWord) -> bool {
    match role {
        Role::Argument(command, at) => is_test(command) && at > 1 && command.words.len() > at + 1,
        _ => word.is_literal,
    }
}

fn is_test(command: &Command) -> bool {
    matches!(command.name(), "[" | "test")
}
