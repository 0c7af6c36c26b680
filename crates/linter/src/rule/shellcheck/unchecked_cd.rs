//! # What follows `cd` may run elsewhere
//!
//! If the folder is not there, the script goes on where it is: `rm`, `tar` and the like then work on another folder. Behind `set -e`, or in a
//! chain with `&&`, that cannot be.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN cd /tmp/build; rm -rf *
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN cd /tmp/build && rm -rf ./*
//! ```
//!
//! **Fix**: doubtful: the RUN fails where it went on so far.

use lapstrake_parser::{Safety, Severity, Span};

use crate::dialect::ShellRun;
use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::shell::walk::{ListRole, Standing};
use crate::shell::{Command, NodeKind};

pub(super) static RULE: Rule =
    Rule::shellcheck("unchecked-cd", &["SC2164"], Severity::Warning, Check::Shell(check))
        .recommended();

fn check(run: &ShellRun<'_>, findings: &mut Findings<'_>) {
    let script = run.run.script;
    for (text, _) in run.texts().filter(|(text, _)| !text.sets_errexit()) {
        for (pipeline, standing) in text.pipelines.iter().copied() {
            let is_single = pipeline.nodes.len() == 1 && pipeline.bang.is_none();
            for node in pipeline.nodes.iter().filter(|_| !is_checked(standing)) {
                let NodeKind::Simple(at) = node.kind else { continue };
                let command = script.commands.get(at).filter(|command| may_fail(command));
                let Some(command) = command else { continue };
                let message = format!("if `{}` fails, what follows runs elsewhere", command.name());
                let draft = findings.add(node.whole_span(), message).help("write `… || exit`");
                if is_single && standing.is_alone {
                    let edit = (Span::point(node.whole_span().end), " || exit".to_owned());
                    draft.fix(Safety::Unsafe, [edit]);
                }
            }
        }
    }
}

/// True if something looks at its status.
fn is_checked(standing: Standing) -> bool {
    let ends_function =
        standing.is_alone && standing.is_result && standing.list == ListRole::Function;
    standing.is_condition || ends_function
}

/// True for a change to a folder that may not be there.
fn may_fail(command: &Command) -> bool {
    let is_stack = matches!(command.name(), "pushd" | "popd");
    if is_stack && command.has_flag("n") {
        return false;
    }
    let is_dots = |word: &str| word.split('/').all(|part| matches!(part, "" | "." | ".."));
    let goes_up = matches!(command.arguments(), [word] if word.is_literal && is_dots(&word.text));
    (is_stack || command.name() == "cd") && !goes_up
}
