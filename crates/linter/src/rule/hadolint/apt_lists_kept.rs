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
    if !subject.is_last_or_base(stage) {
        return;
    }
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
            if !others_need_lists(subject, stage, instruction) {
                let edit = amend::append(&run, update, "rm -rf /var/lib/apt/lists/*");
                draft.fix_all(Safety::Safe, edit);
            }
        }
    }
}

/// True if a RUN may find nothing any more without the lists: it uses apt and fetches none itself, behind this one or in
/// a stage that starts from this one.
fn others_need_lists(subject: &Subject<'_>, stage: &Stage<'_>, update: &Instruction) -> bool {
    let goes_back = |one: &&Stage<'_>| {
        let lineage = subject.lineage(one);
        one.index == stage.index || lineage.iter().any(|base| base.index == stage.index)
    };
    let heirs = subject.stages.iter().filter(goes_back).flat_map(|stage| stage.instructions);
    let mut later = heirs.filter(|one| one.span.start > update.span.start);
    later.any(|one| {
        let Some(run) = Run::of(subject, one) else {
            let text = subject.source.get(one.span.range()).unwrap_or_default();
            return matches!(one.kind, InstructionKind::Run(_)) && text.contains("apt");
        };
        let apt = || run.commands(&["apt-get", "apt", "aptitude", "apt-cache"]);
        apt().next().is_some() && !apt().any(|command| command.has_argument("update"))
    })
}
