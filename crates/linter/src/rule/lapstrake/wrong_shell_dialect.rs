//! # What RUN says, its shell understands
//!
//! `/bin/sh` is another program on each distribution: bash on Fedora, dash on Debian and Ubuntu, busybox on
//! Alpine. dash takes `[[` and `source` for programs that are not there; in a condition nobody sees that. Looks
//! at what the base image has, if that is in the store, and only tells what its shell does not know. The rules
//! for `sh` of ShellCheck are quiet there.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN if [[ -f /etc/default/app ]]; then source /etc/default/app; fi
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN if [ -f /etc/default/app ]; then . /etc/default/app; fi
//! ```
//!
//! **Fix**: that of the rule for the same text in any `sh`, if that has one.

use lapstrake_parser::{Severity, Stage};

use crate::dialect::{self, Dialect, ShellRun};
use crate::finding::Findings;
use crate::rule::{Check, Rule, rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::own("wrong-shell-dialect", Severity::Warning, Check::Stage(check));

/// The rules that find what neither of the two knows.
const IN_NEITHER: [&str; 2] = ["braces-in-sh", "bash-builtin-in-sh"];

/// Those that find what dash does not know.
const IN_BUSYBOX: [&str; 7] = [
    "both-outputs-in-sh",
    "dollar-quotes-in-sh",
    "double-brackets-in-sh",
    "double-equals-in-sh",
    "replacement-in-sh",
    "source-in-sh",
    "substring-in-sh",
];

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    // Which shell reads it is only known with the files of an image.
    if subject.ground(stage).1.files.is_none() {
        return;
    }
    let is_here =
        |run: &ShellRun<'_>| stage.instructions.iter().any(|one| one.span == run.owner().span);
    for run in dialect::shell_runs(subject).iter().filter(|run| is_here(run)) {
        let Some(shell) = run.known_sh() else { continue };
        let image = subject.ground(stage).0.from.image.as_str();
        let why = format!("`/bin/sh` of `{image}` is {}", shell.name());
        let lacks = IN_BUSYBOX.iter().filter(|_| shell == Dialect::Dash);
        let any_sh = run.as_any_sh();
        findings.explained(&why, |findings| {
            for name in IN_NEITHER.iter().chain(lacks) {
                if let Some(Check::Shell(look)) = rule(name).map(|rule| rule.check) {
                    look(&any_sh, findings);
                }
            }
            if shell == Dialect::Dash {
                literal_flags(&any_sh, findings);
            }
        });
    }
}

/// dash's `echo` writes `-e` down.
fn literal_flags(run: &ShellRun<'_>, findings: &mut Findings<'_>) {
    for command in run.commands_in_sh().filter(|command| command.name() == "echo") {
        let first = command.arguments().first();
        let is_flag = |text: &str| {
            let letters = text.strip_prefix('-').unwrap_or_default();
            letters.contains('e') && letters.chars().all(|letter| matches!(letter, 'e' | 'E' | 'n'))
        };
        if let Some(flag) = first.filter(|word| is_flag(&word.text)) {
            let message = format!("`echo` writes `{}` as it is", flag.text);
            findings.add(flag.span, message).help("use `printf`");
        }
    }
}
