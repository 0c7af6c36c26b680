//! # pip keeps no cache
//!
//! What pip keeps for the next installation stays in the image, where there is none.
//!
//! ```dockerfile
//! FROM python:3.12
//! RUN pip install flask==3.0.3
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM python:3.12
//! RUN pip install --no-cache-dir flask==3.0.3
//! ```
//!
//! **Fix**: safe: the cache is all that changes.

use lapstrake_parser::{Instruction, InstructionKind, Safety, Severity, Span, Stage};

use crate::finding::Findings;
use crate::package;
use crate::rule::{Check, Rule};
use crate::run::Run;
use crate::shell::Command;
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::hadolint("pip-cache-kept", &["DL3042"], Severity::Warning, Check::Stage(check))
        .recommended()
        .of_size()
        .instead_of(&["cache-in-layer"]);

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    let mut is_off =
        subject.base_of(stage).is_some_and(|base| base.instructions.iter().any(turns_off));
    for instruction in stage.instructions {
        is_off = is_off || turns_off(instruction);
        let Some(run) = Run::of(subject, instruction) else { continue };
        let installing = run.script.commands.iter().filter(|one| package::is_pip_install(one));
        let installing: Vec<&Command> = installing.collect();
        if is_off || installing.is_empty() || run.has_mount(".cache/pip") {
            continue;
        }
        let assigns = |command: &Command| {
            let words = command.assignments.iter().chain(command.arguments());
            words.clone().any(|word| is_truth(word.text.strip_prefix("PIP_NO_CACHE_DIR=")))
        };
        if run.script.commands.iter().any(assigns) {
            continue;
        }
        for command in installing {
            let install = command.arguments().iter().find(|word| word.text == "install");
            let Some(install) = install.filter(|_| !command.has_flag("no-cache-dir")) else {
                continue;
            };
            let draft = findings.add(install.span, "the cache of pip stays in the image");
            let draft = draft.help("write `install --no-cache-dir`, or mount a cache");
            draft
                .fix(Safety::Safe, [(Span::point(install.span.end), " --no-cache-dir".to_owned())]);
        }
    }
}

fn turns_off(instruction: &Instruction) -> bool {
    let InstructionKind::Env(pairs) = &instruction.kind else { return false };
    pairs.iter().any(|pair| {
        let value = pair.value.as_str().trim_matches(['"', '\'']);
        pair.key.as_str() == "PIP_NO_CACHE_DIR" && is_truth(Some(value))
    })
}

fn is_truth(value: Option<&str>) -> bool {
    value.is_some_and(|value| ["1", "true", "on", "yes"].contains(&value.to_lowercase().as_str()))
}
