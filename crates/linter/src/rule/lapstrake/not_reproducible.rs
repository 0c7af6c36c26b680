//! # A RUN comes to the same each time
//!
//! Looks at what the last build left here: a RUN that was executed once more on the same files (with `--no-cache`, for instance) and left other ones.
//! Whoever builds the image cannot tell from its digest that it is the same, and each execution makes all that stands on it anew. Names the
//! files, and what helps against those that are known for it: logs, caches of the package manager and of the linker, compiled
//! Python, ids of the machine. Times of files do not count. `lap build --verify-reproducible` looks at all steps of a file, and at times.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN apt-get update && apt-get install -y curl
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN apt-get update && apt-get install -y curl \
//!     && rm -rf /var/lib/apt/lists/* /var/cache/ldconfig/aux-cache /var/log/*.log /var/log/apt
//! ```
//!
//! **Fix**: none: what the command is to leave is for the author to say.

use lapstrake_parser::{Keyword, Severity, Stage};
use lapstrake_rootfs::{Entry, LayerManifest};

use crate::amount;
use crate::finding::Findings;
use crate::layer::Layer;
use crate::rule::{Check, Confidence, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule = Rule::own("not-reproducible", Severity::Info, Check::Stage(check))
    .strict()
    .confident(Confidence::Medium);

/// How many files are named.
const NAMED: usize = 3;

/// Knows files by their path.
type IsKnown = fn(&str) -> bool;

/// What makes files that are never the same, how these are known, and what helps.
const KNOWN: [(IsKnown, &str); 5] = [
    (|path| path.starts_with("/var/log/"), "remove the logs in the same RUN"),
    (
        |path| path.starts_with("/var/cache/") || path.starts_with("/var/lib/apt/lists/"),
        "remove what is in /var/cache and in the package lists in the same RUN",
    ),
    (|path| path.ends_with(".pyc"), "set PYTHONDONTWRITEBYTECODE=1 or SOURCE_DATE_EPOCH"),
    (|path| path.ends_with("/machine-id"), "empty the machine-id in the same RUN"),
    (
        |path| path.starts_with("/tmp/") || path.starts_with("/root/.cache/"),
        "remove temporary files in the same RUN",
    ),
];

const OTHERS: &str =
    "pin the versions of what it fetches, and set SOURCE_DATE_EPOCH for what writes down the time";

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    let own =
        |layer: &Layer<'_>| stage.instructions.iter().any(|one| one.span == layer.instruction.span);
    for layer in Layer::all(subject, stage).iter().filter(|layer| own(layer)) {
        if layer.instruction.kind.keyword() != Keyword::Run {
            continue;
        }
        let Some(other) = (layer.made.other)() else { continue };
        let Some(other) = other.layers().first() else { continue };
        let paths = differing(&layer.manifest, other);
        if paths.is_empty() {
            continue;
        }
        let rest = paths.len().saturating_sub(NAMED);
        let named = paths.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        let more = if rest == 0 { String::new() } else { format!(" and {rest} more") };
        let files = amount::count(paths.len(), "file");
        let what = format!(
            "executed twice on the same files, this left {files} that differ: {named}{more}"
        );
        findings
            .add(layer.place(), what.replace("1 file that differ", "1 file that differs"))
            .help(advice(&paths));
    }
}

/// The paths that only one layer has, or that are not the same in both.
fn differing(one: &LayerManifest, other: &LayerManifest) -> Vec<String> {
    let is_other = |entry: &Entry, among: &LayerManifest| {
        among.entry(&entry.path).is_none_or(|there| {
            (&there.kind, there.mode, there.uid, there.gid, &there.xattrs)
                != (&entry.kind, entry.mode, entry.uid, entry.gid, &entry.xattrs)
        })
    };
    let here = one.entries().iter().filter(|entry| is_other(entry, other));
    let there = other.entries().iter().filter(|entry| one.entry(&entry.path).is_none());
    let mut paths: Vec<String> = here.chain(there).map(|entry| entry.path.to_string()).collect();
    paths.sort_unstable();
    paths
}

/// What helps against the files at these paths.
fn advice(paths: &[String]) -> String {
    let helps = KNOWN.iter().filter(|(known, _)| paths.iter().any(|path| known(path)));
    let mut helps: Vec<&str> = helps.map(|(_, help)| *help).collect();
    if paths.iter().any(|path| !KNOWN.iter().any(|(known, _)| known(path))) {
        helps.push(OTHERS);
    }
    helps.join("; ")
}
