//! # Nobody gets in without a password
//!
//! A user whose field for the password is empty is anybody who asks `su` or `login`. Looks at `/etc/shadow` and `/etc/passwd` as the last
//! build left them, and as the base image has them where nothing was done to it, if they are in the store.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN useradd me && passwd -d me
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN useradd me
//! ```
//!
//! **Fix**: none: the account may be locked, or left away.

use lapstrake_parser::{Severity, Stage};

use crate::finding::Findings;
use crate::layer::last_written;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule = Rule::own("empty-password", Severity::Error, Check::Stage(check));

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    if !subject.is_target(stage) {
        return;
    }
    for path in ["/etc/shadow", "/etc/passwd"] {
        let Some(file) = last_written(subject, stage, path) else { continue };
        let text = String::from_utf8_lossy(&file.content);
        let users: Vec<&str> = text.lines().filter_map(without_password).collect();
        let Some((first, others)) = users.split_first() else { continue };
        let more = match others.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let what = format!("`{first}`{more} can be used without a password");
        let help = format!("{path} has none for it: lock it with `passwd -l {first}`");
        findings.add(file.place, what).help(help);
    }
}

/// The user of a line with an empty second field (shadow(5), passwd(5)).
fn without_password(line: &str) -> Option<&str> {
    let mut fields = line.split(':');
    let (name, password) = (fields.next()?, fields.next()?);
    let is_user = !name.is_empty() && !name.starts_with(['#', '+', '-']);
    (is_user && password.is_empty()).then_some(name)
}
