//! # RUNs that belong together are one
//!
//! Each RUN is a layer and a step of its own. Short ones that follow each other can be one.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN touch /a
//! RUN touch /b
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN touch /a && touch /b
//! ```
//!
//! **Fix**: none: apart they are cached apart, which may be meant.

use lapstrake_parser::{Instruction, InstructionKind, Severity, Stage, Word};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::hadolint("consecutive-runs", &["DL3059"], Severity::Info, Check::Stage(check));

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    let mut before: Option<&Instruction> = None;
    for instruction in stage.instructions {
        if !matches!(instruction.kind, InstructionKind::Run(_)) {
            before = None;
            continue;
        }
        let is_short = |one: &Instruction| is_short(subject, one);
        let is_one = |last: &&Instruction| is_short(last) && flags(last) == flags(instruction);
        if let Some(last) = before.filter(is_one).filter(|_| is_short(instruction)) {
            let draft = findings.add(instruction.keyword().span, "one RUN right behind another");
            draft
                .label(last.keyword().span, "this one could hold both")
                .help("join them with `&&`");
        }
        before = Some(instruction);
    }
}

/// At most one command. Tests with `[` do not count, and text that is no shell script has none.
fn is_short(subject: &Subject<'_>, run: &Instruction) -> bool {
    let commands = subject.script(run).map_or(&[][..], |script| &script.commands);
    commands.iter().filter(|command| command.name() != "[").count() <= 1
}

fn flags(instruction: &Instruction) -> Vec<(&str, &str)> {
    instruction
        .flags
        .iter()
        .map(|flag| (flag.name.value.as_str(), flag.value.as_ref().map_or("", Word::as_str)))
        .collect()
}
