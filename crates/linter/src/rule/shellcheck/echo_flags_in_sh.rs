//! # echo has no flags in sh
//!
//! POSIX leaves open what `echo -e` and `echo -n` do: dash, which is /bin/sh in Debian and Ubuntu, prints `-e` as
//! text. `printf` does the same everywhere.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN echo -e "a\nb" > /etc/app.conf
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN printf '%s\n' a b > /etc/app.conf
//! ```
//!
//! **Fix**: none: which text is meant to come out is for the author to say.

use lapstrake_parser::Severity;

use crate::dialect::ShellRun;
use crate::finding::Findings;
use crate::rule::{Check, Rule};

pub(super) static RULE: Rule =
    Rule::shellcheck("echo-flags-in-sh", &["SC3037"], Severity::Warning, Check::Shell(check));

fn check(run: &ShellRun<'_>, findings: &mut Findings<'_>) {
    for command in run.commands_in_sh().filter(|command| command.name() == "echo") {
        let Some(flag) = command.arguments().first().filter(|word| is_flag(&word.text)) else {
            continue;
        };
        let draft = findings.add(flag.span, format!("`echo {}` is not defined in sh", flag.text));
        draft.help("use `printf`");
    }
}

fn is_flag(text: &str) -> bool {
    text.strip_prefix('-').is_some_and(|flags| {
        !flags.is_empty() && flags.chars().all(|flag| matches!(flag, 'e' | 'E' | 's' | 'n'))
    })
}
