//! # Nothing in the image gives rights that its user does not have
//!
//! A program with the setuid or setgid bit runs as its owner, or with its group, whoever starts it: where a process of a container is
//! taken over, it is a way to root. Most images need none of them. Looks at the layers of the last build, if they are in the store, for
//! such files that the image shows; those of the base image are its maker's business.
//!
//! ```dockerfile
//! FROM debian:12-slim
//! RUN apt-get update && apt-get install -y --no-install-recommends sudo
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12-slim
//! USER 1000
//! ```
//!
//! **Fix**: none: whether something needs the rights is not known.

use lapstrake_parser::{Severity, Stage};
use lapstrake_rootfs::{Kind, View};

use crate::amount;
use crate::finding::Findings;
use crate::layer::Layer;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::own("setuid-file", Severity::Info, Check::Stage(check)).strict();

/// The setuid and the setgid bit.
const BITS: u32 = 0o6000;

/// How many files are named.
const NAMED: usize = 3;

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    if !subject.is_target(stage) {
        return;
    }
    let layers = Layer::all(subject, stage);
    let view = View::new(layers.iter().map(|layer| layer.manifest.clone()).collect());
    for (number, layer) in layers.iter().enumerate() {
        let files = layer.manifest.entries().iter().filter(|entry| {
            let is_file = matches!(entry.kind, Kind::File { .. } | Kind::HardLink { .. });
            let shown = || view.entry(&entry.path).is_some_and(|shown| shown.layer == number);
            is_file && entry.mode & BITS != 0 && shown()
        });
        let names: Vec<String> =
            files.map(|entry| format!("{} ({:04o})", entry.path, entry.mode & 0o7777)).collect();
        if names.is_empty() {
            continue;
        }
        let what = format!(
            "{} with setuid or setgid: whoever starts it gets its owner's rights",
            amount::count(names.len(), "program")
        );
        let more = match names.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let named = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        let help = format!(
            "in the last build: {named}{more}; take the bits away with `chmod a-s`, or the programs"
        );
        findings.add(layer.place(), what).help(help);
    }
}
