//! # Layers stay within the project's budget
//!
//! Looks at the layers of the last build, if they are in the store, and tells which are larger than `max-layer` of
//! `lapstrake.toml`, with what is in them. Without that setting it says nothing.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN apt-get update && apt-get install -y texlive-full
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN apt-get update && apt-get install -y --no-install-recommends texlive-latex-base
//! ```
//!
//! **Fix**: none: what is not needed is for the author to say.

use lapstrake_parser::{Severity, Stage};

use crate::amount;
use crate::finding::Findings;
use crate::layer::Layer;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule = Rule::own("size-and-time", Severity::Warning, Check::Stage(check));

/// How many folders are named.
const NAMED: usize = 3;

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    let Some(most) = subject.policy.max_layer.filter(|_| subject.is_target(stage)) else { return };
    for layer in Layer::all(subject, stage).iter().filter(|layer| layer.made.size > most) {
        let (size, most) = (amount::bytes(layer.made.size), amount::bytes(most));
        let what = format!("this layer has {size}, and the budget is {most}");
        let took = layer.made.took.map(|took| format!(", made in {}", amount::seconds(took)));
        let folders = layer.made.largest(NAMED).join(", ");
        let help = format!("in the last build{}: {folders}", took.unwrap_or_default());
        findings.add(layer.place(), what).help(help);
    }
}
