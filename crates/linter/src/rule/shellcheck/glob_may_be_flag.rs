//! # Names may begin with a dash
//!
//! `*` and `?` stand for all names, those that begin with `-` as well; the program takes such a name for a flag.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN cd /tmp && rm -r *
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN cd /tmp && rm -r ./*
//! ```
//!
//! **Fix**: doubtful: the program is given `./name` for `name`, and may print or keep that.

use lapstrake_parser::{Safety, Severity, Span};

use crate::dialect::ShellRun;
use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::shell::{Command, PieceKind, ShellWord};

pub(super) static RULE: Rule =
    Rule::shellcheck("glob-may-be-flag", &["SC2035"], Severity::Info, Check::Shell(check))
        .confident(Confidence::Medium);

fn check(run: &ShellRun<'_>, findings: &mut Findings<'_>) {
    for (text, _) in run.texts() {
        for (command, _) in &text.commands {
            for word in words(command).filter(|word| begins_with_glob(word)) {
                let start = word.span.start;
                let glob = Span::new(start, start + 1);
                let draft = findings.add(glob, "a name that begins with `-` is taken for a flag");
                let edit = (Span::point(start), "./".to_owned());
                draft.help("write `./*`").fix(Safety::Unsafe, [edit]);
            }
        }
    }
}

/// The arguments in which flags may stand. `echo` and `printf` only print them.
fn words(command: &Command) -> impl Iterator<Item = &ShellWord> {
    let prints = matches!(command.base_name(), "echo" | "printf");
    let is_end = |text: &str| matches!(text, "--" | ":::" | "::::");
    let words = command.words.iter().skip(1).take_while(move |word| !is_end(&word.text));
    words.filter(move |_| !prints)
}

fn begins_with_glob(word: &ShellWord) -> bool {
    let first = word.pieces.first().map(|piece| &piece.kind);
    matches!(first, Some(PieceKind::Glob(glob)) if glob == "*" || glob == "?")
}
