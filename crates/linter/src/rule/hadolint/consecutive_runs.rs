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
//! **Fix**: unsafe: apart they are cached apart, which may be meant, and the second sees variables and the folder of the first.
//! None where a comment or a heredoc stands between them, or `;` or `||` in one.

use lapstrake_parser::{
    CommandForm, Instruction, InstructionKind, Safety, Severity, Span, Stage, Word,
};

use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::shell::tree::Chain;
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::hadolint("consecutive-runs", &["DL3059"], Severity::Info, Check::Stage(check))
        .confident(Confidence::Low);

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
                .help("join them with `&&`")
                .fix_all(Safety::Unsafe, joined(subject, last, instruction));
        }
        before = Some(instruction);
    }
}

/// The edit that makes one RUN of both; nothing where more stands between them, or `&&` would not take both as a whole.
fn joined(subject: &Subject<'_>, one: &Instruction, other: &Instruction) -> Option<(Span, String)> {
    let is_chain = |run: &Instruction| {
        let parts = subject.script(run).map(|script| script.parts.as_slice());
        let list = match parts {
            Some([part]) if part.heredoc.is_none() && run.heredocs.is_empty() => &part.list,
            _ => return false,
        };
        let is_whole =
            |chain: &Chain| !chain.is_background && chain.joints.iter().all(|joint| joint.is_and);
        matches!(list.chains.as_slice(), [chain] if is_whole(chain))
    };
    let InstructionKind::Run(CommandForm::Shell(first)) = &one.kind else { return None };
    let InstructionKind::Run(CommandForm::Shell(second)) = &other.kind else { return None };
    let between = subject.source.get(one.span.end..other.span.start)?;
    if !is_chain(one) || !is_chain(other) || !between.trim().is_empty() {
        return None;
    }
    let joint = format!(" {}\n    && ", subject.dockerfile.escape);
    Some((Span::new(first.span().end, second.span().start), joint))
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
