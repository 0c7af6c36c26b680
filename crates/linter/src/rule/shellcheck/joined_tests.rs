//! # One test in each pair of brackets
//!
//! POSIX leaves open how `-a` and `-o` are read among other words: with some values they are no operators.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN if [ -e /a -a -e /b ]; then make; fi
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN if [ -e /a ] && [ -e /b ]; then make; fi
//! ```
//!
//! **Fix**: none: brackets and `!` inside have to be written anew.

use lapstrake_parser::Severity;

use crate::dialect::ShellRun;
use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::shell::test::Test;
use crate::shell::{Command, ShellWord};

pub(super) static RULE: Rule =
    Rule::shellcheck("joined-tests", &["SC2166"], Severity::Warning, Check::Shell(check));

fn check(run: &ShellRun<'_>, findings: &mut Findings<'_>) {
    for (text, _) in run.texts() {
        for (command, _) in &text.commands {
            let Some(words) = between_brackets(command) else { continue };
            for joint in Test::of(words).joints {
                let sign = match joint.text.as_str() {
                    "-a" => "&&",
                    "-o" => "||",
                    _ => continue,
                };
                let message = format!("`{}` is not read in the same way by each shell", joint.text);
                findings.add(joint.span, message).help(format!("write `[ … ] {sign} [ … ]`"));
            }
        }
    }
}

fn between_brackets(command: &Command) -> Option<&[ShellWord]> {
    let (last, words) = command.arguments().split_last()?;
    (command.name() == "[" && last.text == "]").then_some(words)
}
