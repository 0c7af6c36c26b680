//! # Arguments that change with each build come last
//!
//! The value of an ARG counts for each RUN below it, whether that mentions it or not. A date or a revision above an install
//! has it run again in every build. Looks at names such as `BUILD_DATE`, `VCS_REF` and `GIT_SHA`, and at RUNs below that do not mention
//! them, but for those in front of the first that does.
//!
//! ```dockerfile
//! FROM debian:12
//! ARG GIT_SHA
//! RUN apt-get update && apt-get install -y curl
//! LABEL org.opencontainers.image.revision=$GIT_SHA
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN apt-get update && apt-get install -y curl
//! ARG GIT_SHA
//! LABEL org.opencontainers.image.revision=$GIT_SHA
//! ```
//!
//! **Fix**: unsafe: it is declared just above what mentions it first. A RUN in between may read it without naming it. None
//! where nothing mentions it, and beside other arguments.

use std::collections::BTreeSet;

use lapstrake_parser::{Instruction, InstructionKind, Safety, Severity, Stage};

use crate::amend;
use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::subject::{Subject, mentions};

pub(super) static RULE: Rule =
    Rule::own("volatile-arg-early", Severity::Warning, Check::Stage(check))
        .confident(Confidence::Medium);

/// Names of what no two builds have in common.
const NAMES: [&str; 42] = [
    "BUILDDATE",
    "BUILDTIME",
    "BUILD_DATE",
    "BUILD_ID",
    "BUILD_NUMBER",
    "BUILD_REVISION",
    "BUILD_SHA",
    "BUILD_TIME",
    "BUILD_TIMESTAMP",
    "CI_COMMIT_SHA",
    "CI_COMMIT_SHORT_SHA",
    "CI_JOB_ID",
    "CI_PIPELINE_ID",
    "COMMIT_DATE",
    "COMMIT_HASH",
    "COMMIT_ID",
    "COMMIT_REVISION",
    "COMMIT_SHA",
    "COMMIT_SHORT_SHA",
    "GITHUB_RUN_ID",
    "GITHUB_RUN_NUMBER",
    "GITHUB_SHA",
    "GIT_COMMIT",
    "GIT_COMMIT_HASH",
    "GIT_COMMIT_ID",
    "GIT_COMMIT_SHA",
    "GIT_COMMIT_SHORT",
    "GIT_DATE",
    "GIT_HASH",
    "GIT_REF",
    "GIT_REV",
    "GIT_REVISION",
    "GIT_SHA",
    "GIT_SHORT_SHA",
    "REVISION",
    "SHORT_SHA",
    "SOURCE_COMMIT",
    "SOURCE_REVISION",
    "TIMESTAMP",
    "VCS_REF",
    "VCS_REVISION",
    "VCS_SHA",
];

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    // Of each name the first declaration: what is below is read once for each.
    let mut known = BTreeSet::new();
    for (at, instruction) in stage.instructions.iter().enumerate() {
        let InstructionKind::Arg(declarations) = &instruction.kind else { continue };
        let below = stage.instructions.get(at + 1..).unwrap_or_default();
        let names = declarations.iter().map(|arg| &arg.name);
        for name in names.filter(|name| NAMES.contains(&name.as_str())) {
            if !known.insert(name.as_str()) {
                continue;
            }
            let text = |one: &Instruction| subject.source.get(one.span.range()).unwrap_or_default();
            let before = below.iter().take_while(|one| !mentions(text(one), name.as_str()));
            let mut runs = before.filter(|one| matches!(one.kind, InstructionKind::Run(_)));
            let Some(first) = runs.next() else { continue };
            let others = runs.count();
            let count = match others {
                0 => "the RUN".to_owned(),
                _ => format!("{} RUNs", others + 1),
            };
            let message = format!("each new `{}` has {count} below run again", name.as_str());
            let draft = findings
                .add(name.span(), message)
                .label(first.keyword().span, "this does not mention it");
            let draft = draft.help("declare it just above what mentions it first");
            let first = below.iter().find(|one| mentions(text(one), name.as_str()));
            let is_alone = declarations.len() == 1;
            let edits = first.filter(|_| is_alone).and_then(|first| {
                let line = text(instruction);
                let above = amend::put_above(subject, first, line)?;
                Some([amend::take_out(subject, instruction)?, above])
            });
            draft.fix_all(Safety::Unsafe, edits.into_iter().flatten());
        }
    }
}
