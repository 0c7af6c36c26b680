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
//! **Fix**: none: a cache mount may be what is wanted.

use lapstrake_parser::{Severity, Stage};

use crate::finding::Findings;
use crate::package;
use crate::rule::{Check, Rule};
use crate::run::Run;
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::hadolint("apt-lists-kept", &["DL3009"], Severity::Info, Check::Stage(check)).of_size();

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    if !subject.is_shipped(stage) {
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
            draft.help("end the RUN with `rm -rf /var/lib/apt/lists/*`, or mount a cache there");
        }
    }
}
