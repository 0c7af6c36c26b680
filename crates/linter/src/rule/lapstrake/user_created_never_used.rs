//! # A user that is made is used
//!
//! A RUN that makes a user is half of it: without USER the program runs as root all the same. Looks at the stage that is
//! built, where neither USER nor anything else behind the RUN names the user.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN useradd --system app
//! CMD ["server"]
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN useradd --system app
//! USER app
//! CMD ["server"]
//! ```
//!
//! **Fix**: none: the program itself may change to that user.

use lapstrake_parser::{Keyword, Severity, Stage};

use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::run::Run;
use crate::shell::ShellWord;
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::own("user-created-never-used", Severity::Info, Check::Stage(check))
        .strict()
        .confident(Confidence::Medium);

/// Flags that a value follows (useradd(8), adduser of Debian and of busybox).
const WITH_VALUE: [&str; 22] = [
    "u", "uid", "g", "gid", "G", "groups", "d", "home", "home-dir", "s", "shell", "c", "comment",
    "k", "skel", "p", "password", "gecos", "ingroup", "h", "b", "K",
];

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    if !subject.is_target(stage) || subject.last(stage, Keyword::User).is_some() {
        return;
    }
    for instruction in stage.instructions {
        let Some(run) = Run::of(subject, instruction).filter(|run| !run.is_trigger) else {
            continue;
        };
        for command in run.commands(&["useradd", "adduser"]) {
            let operands = command.operands(&WITH_VALUE);
            let name = match (command.name(), operands.as_slice()) {
                (_, [name]) => *name,
                // Busybox: `adduser user group` adds nobody.
                ("useradd", [.., name]) => *name,
                _ => continue,
            };
            let rest = subject.source.get(name.span.end..).unwrap_or_default();
            if is_name(name) && !names(rest, &name.text) {
                let message = format!("nothing behind this names the user `{}`", name.text);
                let help =
                    format!("if the program is to run as that user, add `USER {}`", name.text);
                findings.add(name.span, message).help(help);
            }
        }
    }
}

fn is_name(word: &ShellWord) -> bool {
    word.is_literal && !word.text.is_empty() && !word.text.starts_with('-')
}

/// True if the name stands in the text as a word.
fn names(text: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    text.match_indices(name).any(|(at, _)| {
        let before = text.get(..at).unwrap_or_default();
        let behind = text.get(at + name.len()..).unwrap_or_default();
        !before.ends_with(is_part) && !behind.starts_with(is_part)
    })
}
