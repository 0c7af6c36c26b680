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

use lapstrake_parser::{InstructionKind, Severity, Stage};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::run::Run;
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::shellcheck("echo-flags-in-sh", &["SC3037"], Severity::Warning, Check::Stage(check));

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    let mut is_sh = begins_in_sh(subject, stage);
    for instruction in stage.instructions {
        if let InstructionKind::Shell(words) = &instruction.kind {
            is_sh = words.first().is_some_and(|word| is_named_sh(word.as_str()));
        }
        // A heredoc may be for another shell than the text is.
        if !is_sh || !instruction.heredocs.is_empty() {
            continue;
        }
        let Some(run) = Run::of(subject, instruction) else { continue };
        for command in run.commands(&["echo"]) {
            let Some(flag) = command.arguments.first().filter(|word| is_flag(&word.text)) else {
                continue;
            };
            let draft = findings.add(flag.span, format!("`echo {}` is not defined in sh", flag.text));
            draft.help("use `printf`");
        }
    }
}

/// The shell of the stage that this one is built on, at its end; that of an image is taken for sh.
fn begins_in_sh(subject: &Subject<'_>, stage: &Stage<'_>) -> bool {
    let mut stage = stage;
    loop {
        let base = subject.stage_named(stage.from.image.as_str(), stage.index);
        let Some(base) = base.and_then(|index| subject.stages.get(index)) else { return true };
        let shell = base.instructions.iter().rev().find_map(|one| match &one.kind {
            InstructionKind::Shell(words) => words.first(),
            _ => None,
        });
        if let Some(shell) = shell {
            return is_named_sh(shell.as_str());
        }
        stage = base;
    }
}

fn is_named_sh(program: &str) -> bool {
    program.rsplit('/').next() == Some("sh")
}

fn is_flag(text: &str) -> bool {
    text.strip_prefix('-').is_some_and(|flags| {
        !flags.is_empty() && flags.chars().all(|flag| matches!(flag, 'e' | 'E' | 's' | 'n'))
    })
}
