//! # What is removed is removed where it was made
//!
//! A layer keeps what a later one removes: it is hidden, and shipped all the same. Looks at the layers of the
//! last build, if they are in the store, and tells from 1 MB on.
//!
//! ```dockerfile
//! FROM debian:12
//! COPY sdk.tar /
//! RUN tar -xf /sdk.tar -C /opt && rm /sdk.tar
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN --mount=type=bind,source=sdk.tar,target=/sdk.tar tar -xf /sdk.tar -C /opt
//! ```
//!
//! **Fix**: none: which of the two instructions is to change is for the author to say.

use std::collections::BTreeSet;

use lapstrake_parser::{Severity, Span, Stage};
use lapstrake_rootfs::{Kind, TreePath};

use crate::amount;
use crate::finding::Findings;
use crate::layer::Layer;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::own("deleted-too-late", Severity::Warning, Check::Stage(check));

/// Less than that is not worth a word.
const LEAST: u64 = 1_000_000;

/// A file that is hidden, and shipped.
struct Hidden<'l> {
    path: &'l TreePath,
    size: u64,
    /// The instruction that made it.
    maker: Span,
}

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    if !subject.is_target(stage) {
        return;
    }
    let layers = Layer::all(subject, stage);
    // A file counts once, for the first that hides it.
    let mut seen: BTreeSet<(usize, &TreePath)> = BTreeSet::new();
    for (number, layer) in layers.iter().enumerate() {
        let mut hidden: Vec<Hidden<'_>> = Vec::new();
        let whiteouts = layer.manifest.entries().iter().filter(|one| one.kind == Kind::Whiteout);
        for whiteout in whiteouts {
            for (below, earlier) in layers.iter().take(number).enumerate() {
                for (path, size) in earlier.files(&whiteout.path) {
                    if seen.insert((below, path)) {
                        hidden.push(Hidden { path, size, maker: earlier.place() });
                    }
                }
            }
        }
        let total: u64 = hidden.iter().map(|one| one.size).sum();
        hidden.sort_by_key(|one| std::cmp::Reverse(one.size));
        let Some(largest) = hidden.first().filter(|_| total >= LEAST) else { continue };
        let what = format!("{} that this removes are still in the image", amount::bytes(total));
        let others = match hidden.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let size = amount::bytes(largest.size);
        let draft = findings.add(layer.place(), what);
        draft
            .help(format!(
                "in the last build: {}, {size}{others}; remove it in the instruction that makes it, or \
                 mount it there",
                largest.path
            ))
            .label(largest.maker, "made here");
    }
}
