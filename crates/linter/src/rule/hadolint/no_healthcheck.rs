//! # A stage says how its health is seen
//!
//! Without HEALTHCHECK a container counts as well as long as its process is there. Only looks when it is
//! asked to: `# check=experimental=no-healthcheck`.
//!
//! ```dockerfile
//! FROM debian:12
//! CMD ["server"]
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! HEALTHCHECK CMD ["server", "--check"]
//! CMD ["server"]
//! ```
//!
//! HEALTHCHECK NONE says that there is none on purpose. A stage that another one of the file starts from
//! may leave it to that one.
//!
//! **Fix**: none: how to see it is for the author to say.

use lapstrake_parser::{InstructionKind, Severity, Stage};

use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::hadolint("no-healthcheck", &["DL3057"], Severity::Info, Check::File(check))
        .experimental()
        .confident(Confidence::Low);

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let bases: Vec<Option<usize>> =
        subject.stages.iter().map(|stage| subject.base_of(stage).map(|base| base.index)).collect();
    let own: Vec<bool> = subject.stages.iter().map(has_healthcheck).collect();
    let is_set = |list: &[bool], at: usize| list.get(at).copied().unwrap_or(false);
    // What a stage has from its bases: those stand above it.
    let mut inherited = own.clone();
    for (at, base) in bases.iter().enumerate() {
        let has = base.is_some_and(|base| is_set(&inherited, base));
        if let Some(one) = inherited.get_mut(at) {
            *one |= has;
        }
    }
    // What stages that start from it have: those stand below it.
    let mut left_to_others = own;
    for (at, base) in bases.iter().enumerate().rev() {
        let has = is_set(&left_to_others, at);
        if let Some(one) = base.and_then(|base| left_to_others.get_mut(base)) {
            *one |= has;
        }
    }
    for stage in &subject.stages {
        if !is_set(&inherited, stage.index) && !is_set(&left_to_others, stage.index) {
            let draft =
                findings.add(stage.instruction.keyword().span, "the stage has no HEALTHCHECK");
            draft.help("write one, or `HEALTHCHECK NONE`");
        }
    }
}

fn has_healthcheck(stage: &Stage<'_>) -> bool {
    stage.instructions.iter().any(|one| matches!(one.kind, InstructionKind::Healthcheck(_)))
}
