//! # useradd with a high number keeps no log
//!
//! useradd writes the entry of a user at the place of its number in `/var/log/lastlog`: with a high one
//! the file has gigabytes, and not all tools know that nearly all of it is a hole. `--uid` counts as well
//! as `-u`.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN useradd -u 1234567 bob
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN useradd -l -u 1234567 bob
//! ```
//!
//! **Fix**: safe: the log is all that changes.

use lapstrake_parser::{Safety, Severity, Span};

use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::run::Run;

pub(super) static RULE: Rule = Rule::hadolint(
    "useradd-writes-sparse-log",
    &["DL3046"],
    Severity::Warning,
    Check::Script(check),
)
.recommended()
.confident(Confidence::Medium);

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    for command in run.commands(&["useradd"]) {
        let number = command.flag_value(&["u", "uid"]).filter(|number| is_high(&number.text));
        let Some(number) = number.filter(|_| !command.has_any_flag(&["l", "no-log-init"])) else {
            continue;
        };
        let draft = findings.add(number.span, "the log of logins gets a hole of that size");
        let end = Span::point(command.name_span().end);
        draft.help("write `useradd -l`").fix(Safety::Safe, [(end, " -l".to_owned())]);
    }
}

/// A number of more than five digits, behind `--uid=` or alone.
fn is_high(number: &str) -> bool {
    let number = number.rsplit('=').next().unwrap_or_default();
    number.len() > 5 && number.bytes().all(|byte| byte.is_ascii_digit())
}
