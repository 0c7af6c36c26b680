//! # Not every sh has this option
//!
//! An option of `set` that POSIX does not have ends the RUN where /bin/sh does not know it: dash, which is /bin/sh in Debian and
//! Ubuntu, has had no `pipefail` for long.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN set -o pipefail && curl -fsS https://example.com | tar x
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! SHELL ["/bin/bash", "-o", "pipefail", "-c"]
//! RUN curl -fsS https://example.com | tar x
//! ```
//!
//! **Fix**: none: whether the image has bash is not known here.

use lapstrake_parser::Severity;

use crate::dialect::ShellRun;
use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::shell::{Command, ShellWord};

pub(super) static RULE: Rule =
    Rule::shellcheck("option-of-set-in-sh", &["SC3040"], Severity::Warning, Check::Shell(check));

/// Options of POSIX (2018) by their long names.
const POSIX: [&str; 13] = [
    "allexport",
    "errexit",
    "ignoreeof",
    "monitor",
    "noclobber",
    "noexec",
    "noglob",
    "nolog",
    "notify",
    "nounset",
    "verbose",
    "vi",
    "xtrace",
];

/// Options of POSIX by a letter.
const FLAGS: &str = "abCefhmnuvxo";

fn check(run: &ShellRun<'_>, findings: &mut Findings<'_>) {
    for command in run.commands_in_sh().filter(|command| command.name() == "set") {
        for option in options(command) {
            if !POSIX.contains(&option.text.as_str()) {
                let message = format!("not every sh has the option `{}`", option.text);
                findings.add(option.span, message).help("set SHELL to bash");
            }
        }
    }
}

/// The words behind `-o`, `+o` and the like.
fn options(command: &Command) -> Vec<&ShellWord> {
    let mut options = Vec::new();
    let mut words = command.arguments().iter().take_while(|word| word.is_literal);
    while let Some(word) = words.next() {
        let is_flag = word.text.starts_with(['-', '+']) && word.text != "--";
        if !is_flag {
            break;
        }
        let letters = word.text.get(1..).unwrap_or_default();
        if letters.ends_with('o') && letters.chars().all(|letter| FLAGS.contains(letter)) {
            options.extend(words.next());
        }
    }
    options
}
