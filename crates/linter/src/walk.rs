//! How rules come to see what they look for: once over the file as written, once over each stage as
//! it is built.

use std::cell::OnceCell;

use lapstrake_parser::{Instruction, InstructionKind, Severity, Span, Stage, parse_trigger};

use crate::dialect;
use crate::finding::Findings;
use crate::rule::{Check, Origin, Rule};
use crate::state::State;
use crate::subject::Subject;

/// An instruction at its turn in the build of a stage.
pub(crate) struct Step<'a> {
    /// The file.
    pub(crate) subject: &'a Subject<'a>,
    /// The instruction, which may be a trigger of the base.
    pub(crate) instruction: &'a Instruction,
    /// What holds in front of it.
    pub(crate) state: &'a State,
}

/// Lets the rules look at everything.
pub(crate) fn walk<'a>(
    subject: &'a Subject<'a>,
    rules: &[&'static Rule],
    triggers: &'a [Vec<Trigger>],
    findings: &mut Findings<'a>,
) {
    let shell_runs = OnceCell::new();
    let shared_runs = OnceCell::new();
    for rule in rules {
        match rule.check {
            Check::File(check) => {
                findings.looks(rule, None);
                check(subject, findings);
            }
            Check::Instruction(check) => {
                for instruction in &subject.dockerfile.instructions {
                    findings.looks(rule, Some(instruction));
                    check(subject, instruction, findings);
                }
            }
            Check::Stage(check) => {
                // Whose comments count is seen by the place of a finding.
                for stage in &subject.stages {
                    findings.looks(rule, None);
                    check(subject, stage, findings);
                }
            }
            Check::Script(check) => {
                for run in shell_runs.get_or_init(|| dialect::shell_runs(subject)) {
                    findings.looks(rule, Some(run.owner()));
                    check(&run.run, findings);
                }
            }
            Check::Shell(check) => {
                for run in shell_runs.get_or_init(|| dialect::shell_runs(subject)) {
                    findings.looks(rule, Some(run.owner()));
                    check(run, findings);
                }
                if rule.origin != Origin::ShellCheck {
                    continue;
                }
                for (run, shared) in shared_runs.get_or_init(|| dialect::shared_runs(subject)) {
                    if !shared.silences(rule) {
                        findings.looks(rule, Some(run.owner()));
                        findings.looks_into(&shared.file);
                        check(run, findings);
                    }
                }
            }
            Check::Step(_) | Check::Suppressions(_) => {}
        }
    }
    steps(subject, rules, triggers, findings);
}

/// An instruction that a base has left for the stages that are built on it (A12).
pub(crate) struct Trigger {
    instruction: Instruction,
    /// The FROM that brings it in, when it stands in no line of this file.
    place: Option<Span>,
}

/// For each stage the triggers of its base.
pub(crate) fn triggers(subject: &Subject<'_>) -> Vec<Vec<Trigger>> {
    subject.stages.iter().map(|stage| triggers_of(subject, stage)).collect()
}

fn triggers_of(subject: &Subject<'_>, stage: &Stage<'_>) -> Vec<Trigger> {
    if let Some(base) = subject.known.stage(stage.index).base {
        let place = Some(stage.from.image.span());
        let texts = base.config.on_build.iter();
        let instructions = texts.filter_map(|text| {
            let (instruction, faults) = parse_trigger(text);
            instruction.filter(|_| faults.iter().all(|fault| fault.severity != Severity::Error))
        });
        return instructions.map(|instruction| Trigger { instruction, place }).collect();
    }
    let image = subject.global_value(&stage.from.image);
    let base = image.and_then(|image| subject.stage_named(&image.text, stage.index));
    let Some(base) = base.and_then(|base| subject.stages.get(base)) else { return Vec::new() };
    let left = base.instructions.iter().filter_map(|instruction| match &instruction.kind {
        InstructionKind::Onbuild(onbuild) => onbuild.instruction.as_deref().cloned(),
        _ => None,
    });
    left.map(|instruction| Trigger { instruction, place: None }).collect()
}

fn steps<'a>(
    subject: &'a Subject<'a>,
    rules: &[&'static Rule],
    triggers: &'a [Vec<Trigger>],
    findings: &mut Findings<'a>,
) {
    let mut finished: Vec<State> = Vec::with_capacity(subject.stages.len());
    for stage in &subject.stages {
        let mut state = State::at_start(subject, stage, &finished);
        if subject.known.stage(stage.index).needed {
            let left = triggers.get(stage.index).map(Vec::as_slice).unwrap_or_default();
            let left = left.iter().map(|trigger| (&trigger.instruction, trigger.place));
            let own = stage.instructions.iter().map(|instruction| (instruction, None));
            for (instruction, place) in left.chain(own) {
                let step = Step { subject, instruction, state: &state };
                for rule in rules {
                    if let Check::Step(check) = rule.check {
                        findings.looks(rule, Some(instruction));
                        findings.comes_from(place);
                        check(&step, findings);
                    }
                }
                state.apply(instruction, subject);
            }
        }
        finished.push(state);
    }
}
