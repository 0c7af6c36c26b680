//! Which shell reads a RUN.

use lapstrake_parser::{InstructionKind, Stage};

use crate::run::Run;
use crate::subject::Subject;

/// The RUNs of a stage that sh reads, whichever program that is. Those with a heredoc are left out: it
/// may be for another shell than the text.
pub(crate) fn runs_in_sh<'a>(subject: &'a Subject<'a>, stage: &Stage<'a>) -> Vec<Run<'a>> {
    let mut is_sh = begins_in_sh(subject, stage);
    let mut runs = Vec::new();
    for instruction in stage.instructions {
        if let InstructionKind::Shell(words) = &instruction.kind {
            is_sh = words.first().is_some_and(|word| is_named_sh(word.as_str()));
        }
        if is_sh && instruction.heredocs.is_empty() {
            runs.extend(Run::of(subject, instruction));
        }
    }
    runs
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
