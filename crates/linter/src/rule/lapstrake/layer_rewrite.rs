//! # Files are in one layer
//!
//! A `chown -R`, `chmod -R` or `touch` over files of an earlier layer copies them into a layer of its own, with
//! all their bytes. Looks at the layers of the last build, if they are in the store: at files of a RUN that the
//! layers below have as well, with the same content. Tells from 1 MB on.
//!
//! ```dockerfile
//! FROM node:22
//! COPY . /app
//! RUN chown -R node:node /app
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM node:22
//! COPY --chown=node:node . /app
//! ```
//!
//! **Fix**: none: the command may do something else as well.

use lapstrake_parser::{InstructionKind, Severity, Stage};
use lapstrake_rootfs::{Kind, TreePath};

use crate::amount;
use crate::finding::Findings;
use crate::layer::Layer;
use crate::root::Root;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule = Rule::own("layer-rewrite", Severity::Warning, Check::Stage(check));

/// Less than that is not worth a word.
const LEAST: u64 = 1_000_000;

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    if !subject.is_target(stage) {
        return;
    }
    let layers = Layer::all(subject, stage);
    for (number, layer) in layers.iter().enumerate() {
        if !matches!(layer.instruction.kind, InstructionKind::Run(_)) {
            continue;
        }
        let earlier = layers.get(..number).unwrap_or_default();
        let Some(below) = Root::of_base(subject, stage) else { return };
        let below = below.with(earlier.iter().map(|layer| &layer.manifest));
        let mut again: Vec<(&TreePath, u64)> = Vec::new();
        for entry in layer.manifest.entries() {
            let Kind::File { size, .. } = entry.kind else { continue };
            let before = below.entry(&entry.path).filter(|before| before.entry.kind == entry.kind);
            again.extend(before.map(|_| (&entry.path, size)));
        }
        let total: u64 = again.iter().map(|(_, size)| size).sum();
        let largest = again.iter().max_by_key(|(_, size)| *size).filter(|_| total >= LEAST);
        let Some((path, size)) = largest else { continue };
        let files = amount::count(again.len(), "file");
        let what = format!("{files}, {}, are in this layer once more", amount::bytes(total));
        let draft = findings.add(layer.place(), what).help(format!(
            "in the last build: {path}, {}, for instance, with no other content; set owners and modes with \
             `COPY --chown=… --chmod=…`, or in the RUN that makes the files",
            amount::bytes(*size)
        ));
        let maker = earlier.iter().rev().find(|layer| layer.manifest.entry(path).is_some());
        if let Some(maker) = maker {
            draft.label(maker.place(), "it comes from here");
        }
    }
}
