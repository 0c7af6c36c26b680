//! # A pipe fails when a part of it fails
//!
//! The status of a pipe is that of its last command. When one in front of it fails, a download for
//! example, the step goes on with half of the data and is cached as done. Here the shell is not told
//! to watch the others. `set -o pipefail` in the RUN counts as well.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN curl https://example.com/list | sort > /list
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! SHELL ["/bin/bash", "-o", "pipefail", "-c"]
//! RUN curl https://example.com/list | sort > /list
//! ```
//!
//! **Fix**: none: which shell the image has is not known here.

use lapstrake_parser::{CommandForm, InstructionKind, Severity, Stage, Word};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::run::Run;
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::hadolint("pipe-hides-failure", &["DL4006"], Severity::Warning, Check::Stage(check));

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    let mut is_safe = false;
    for instruction in stage.instructions {
        if let InstructionKind::Shell(words) = &instruction.kind {
            is_safe = watches_pipes(words);
        }
        let Some(run) = Run::of(subject, instruction) else { continue };
        let is_exec = matches!(&run.instruction.kind, InstructionKind::Run(CommandForm::Exec(_)));
        if is_safe || is_exec || run.is_trigger || sets_pipefail(&run) {
            continue;
        }
        if let Some(pipe) = run.script.pipes.first() {
            let draft = findings.add(*pipe, "only the last command of the pipe can fail");
            draft.help("set `-o pipefail`, in SHELL or in front: `set -o pipefail && …`");
        }
    }
}

/// True for a shell with `-o pipefail`, and for those of Windows, which know no such thing.
fn watches_pipes(shell: &[Word]) -> bool {
    let Some((program, arguments)) = shell.split_first() else { return false };
    let program = program.as_str().to_lowercase();
    if ["pwsh", "powershell", "cmd"].iter().any(|name| program.contains(name)) {
        return true;
    }
    let name = program.rsplit('/').next().unwrap_or_default();
    let is_option = |text: &str| text.starts_with('-') && !text.starts_with("--") && text.contains('o');
    matches!(name, "bash" | "zsh" | "ash")
        && arguments.iter().any(|word| is_option(word.as_str()))
        && arguments.iter().any(|word| word.as_str() == "pipefail")
}

fn sets_pipefail(run: &Run<'_>) -> bool {
    run.commands(&["set"]).any(|command| command.has_argument("pipefail"))
}
