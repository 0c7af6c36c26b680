//! # The lists of apt do not stay in the image
//!
//! What `apt-get update` fetches is 20 MB that the image never needs again, and old the next day. A
//! later RUN cannot take it out of the layer.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN apt-get update && apt-get install -y jq
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN apt-get update && apt-get install -y jq && rm -rf /var/lib/apt/lists/*
//! ```
//!
//! **Fix**: safe: the lists are all that changes. None where a later RUN uses apt and fetches no lists itself, and for a
//! RUN that is an array, ends with `exit`, or goes on in the background.

use lapstrake_parser::{Instruction, InstructionKind, Safety, Severity, Stage};

use crate::amend;
use crate::finding::Findings;
use crate::package;
use crate::rule::{Check, Confidence, Rule};
use crate::run::Run;
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::hadolint("apt-lists-kept", &["DL3009"], Severity::Info, Check::Stage(check))
        .of_size()
        .instead_of(&["cache-in-layer"])
        .confident(Confidence::Medium);

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    // All at once, at the turn of the first.
    if stage.index != 0 {
        return;
    }
    let needy: Vec<(usize, usize)> =
        subject.stages.iter().flat_map(|stage| needy(subject, stage)).collect();
    for stage in subject.stages.iter().filter(|stage| subject.is_last_or_base(stage)) {
        look(subject, stage, &needy, findings);
    }
}

fn look(
    subject: &Subject<'_>,
    stage: &Stage<'_>,
    needy: &[(usize, usize)],
    findings: &mut Findings<'_>,
) {
    for instruction in stage.instructions {
        let Some(run) = Run::of(subject, instruction) else { continue };
        let mut updates = run.commands(&["apt-get", "apt", "aptitude"]);
        let update = updates.find(|command| command.has_argument("update"));
        let Some(update) = update else { continue };
        let is_outside = run.has_mount("/var/lib/apt/lists")
            || (run.has_mount("/var/lib/apt") && run.has_mount("/var/cache/apt"));
        let is_clean = run.script.commands.iter().any(|command| {
            let cleans = command.has_any_argument(&["dist-clean", "distclean"]);
            package::removes(command, "/var/lib/apt") || (command.name() == "apt-get" && cleans)
        });
        if !is_outside && !is_clean {
            let draft = findings.add(update.span(), "the lists of packages stay in the image");
            let draft = draft
                .help("end the RUN with `rm -rf /var/lib/apt/lists/*`, or mount a cache there");
            if !others_need_lists(subject, stage, instruction, needy) {
                let edit = amend::append(&run, update, "rm -rf /var/lib/apt/lists/*");
                draft.fix_all(Safety::Safe, edit);
            }
        }
    }
}

/// The RUNs of a stage that may find nothing any more without the lists, as they use apt and fetch none themselves: the number
/// of the stage, and where each starts.
fn needy<'s>(
    subject: &'s Subject<'_>,
    stage: &'s Stage<'_>,
) -> impl Iterator<Item = (usize, usize)> + 's {
    let needs = |one: &&Instruction| {
        let Some(run) = Run::of(subject, one) else {
            let text = subject.source.get(one.span.range()).unwrap_or_default();
            return matches!(one.kind, InstructionKind::Run(_)) && text.contains("apt");
        };
        let apt = || run.commands(&["apt-get", "apt", "aptitude", "apt-cache"]);
        apt().next().is_some() && !apt().any(|command| command.has_argument("update"))
    };
    stage.instructions.iter().filter(needs).map(|one| (stage.index, one.span.start))
}

/// True if one of those stands behind this update, or in a stage that starts from this one.
fn others_need_lists(
    subject: &Subject<'_>,
    stage: &Stage<'_>,
    update: &Instruction,
    needy: &[(usize, usize)],
) -> bool {
    let goes_back = |number: usize| {
        let first = subject.stages.get(number);
        let mut lineage = std::iter::successors(first, |one| subject.base_of(one));
        lineage.any(|one| one.index == stage.index)
    };
    let mut later = needy.iter().filter(|(_, start)| *start > update.span.start);
    later.any(|(number, _)| goes_back(*number))
}
