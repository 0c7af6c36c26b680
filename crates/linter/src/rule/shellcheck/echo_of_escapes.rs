//! # Not every echo knows escapes
//!
//! bash prints `\n` as it stands, dash makes a line end of it. `printf` does the same everywhere.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN echo "a\nb" > /etc/app.conf
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN printf '%s\n' a b > /etc/app.conf
//! ```
//!
//! **Fix**: none: which of the two is meant is for the author to say.

use lapstrake_parser::Severity;

use crate::dialect::{Dialect, ShellRun};
use crate::finding::Findings;
use crate::rule::{Check, Rule};

pub(super) static RULE: Rule =
    Rule::shellcheck("echo-of-escapes", &["SC2028"], Severity::Info, Check::Shell(check));

fn check(run: &ShellRun<'_>, findings: &mut Findings<'_>) {
    for (text, dialect) in run.texts() {
        if dialect == Dialect::Dash {
            continue;
        }
        for (command, _) in &text.commands {
            if command.base_name() != "echo" || command.has_flag("e") {
                continue;
            }
            for word in command.arguments() {
                if has_escape(&word.literal_parts()) {
                    let draft = findings.add(word.span, "not every `echo` makes signs of escapes");
                    draft.help("use `printf`");
                }
            }
        }
    }
}

/// True for `\n` and the like, and characters by number.
fn has_escape(text: &str) -> bool {
    let is_escape = |behind: &str| {
        let mut letters = behind.chars();
        match letters.next() {
            Some('r' | 'n' | 't' | 'a' | 'b' | 'e' | 'f' | 'v' | '\\' | '\'' | '0'..='7') => true,
            Some('x') => letters.next().is_some_and(|digit| digit.is_ascii_hexdigit()),
            _ => false,
        }
    };
    text.match_indices('\\').any(|(at, _)| text.get(at + 1..).is_some_and(is_escape))
}
