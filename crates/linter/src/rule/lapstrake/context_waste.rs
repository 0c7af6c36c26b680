//! # The context holds what is copied
//!
//! Builders that send the context to a daemon send all of it, and every builder looks through it. Adds up, where the
//! context is known, the files that no COPY, ADD or bind mount of any stage takes, after `.dockerignore`. It is a
//! finding when they are more than 50 MB and more than 30 % of the context.
//!
//! ```dockerfile
//! # the folder `data` holds 3 GB
//! FROM python:3
//! COPY app /app
//! ```
//!
//! Better: the line `data` in `.dockerignore`.
//!
//! **Fix**: none: other Dockerfiles may share the file.

use std::collections::BTreeMap;

use lapstrake_parser::{Instruction, Severity, mount};
use lapstrake_rootfs::{Entry, Kind, TreePath, View};

use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::own("context-waste", Severity::Info, Check::File(check)).confident(Confidence::Medium);

/// What may lie there for nothing, in bytes.
const ALLOWED: u64 = 50_000_000;
/// The same in percent of the context.
const ALLOWED_PERCENT: u64 = 30;
/// So many paths are told.
const TOLD: usize = 5;

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let Some((copies, view, _)) = subject.copies() else { return };
    let Some(first) = copies.iter().find_map(|copy| copy.sources.first()) else { return };
    let entries = view.subtree(&TreePath::root());
    let all: u64 = entries.iter().map(|shown| size(shown.entry)).fold(0, u64::saturating_add);
    let most = ALLOWED.max(all / 100 * ALLOWED_PERCENT);
    if all <= most || copies.iter().any(|copy| copy.has_unknown) {
        return;
    }
    let Some(mounts) = bind_mounts(subject) else { return };
    let mut reached: Vec<&TreePath> = Vec::new();
    for taken in copies.iter().flat_map(|copy| &copy.sources) {
        let Ok(found) = taken.select(view) else { continue };
        reached.extend(found.entries().map(|entry| &entry.path));
    }
    reached.sort_unstable();
    let is_reached = |path: &TreePath| {
        reached.binary_search(&path).is_ok() || mounts.iter().any(|base| path.starts_with(base))
    };
    let waste = waste(view, is_reached);
    let bytes = waste.values().map(|top| top.wasted).fold(0, u64::saturating_add);
    if bytes <= most {
        return;
    }
    let mut tops: Vec<_> = waste.iter().filter(|(_, top)| top.wasted > 0).collect();
    tops.sort_by_key(|(_, top)| std::cmp::Reverse(top.wasted));
    let shown = |(name, top): &(&String, &Top)| format!("{name} ({})", megabytes(top.wasted));
    let names: Vec<String> = tops.iter().take(TOLD).map(shown).collect();
    let lines = tops.iter().filter(|(_, top)| !top.is_used).take(TOLD);
    let lines: Vec<&str> = lines.map(|(name, _)| name.as_str()).collect();
    let message =
        format!("nothing copies {} of the {} in the context", megabytes(bytes), megabytes(all));
    let mut help = format!("most of it is {}", names.join(", "));
    if !lines.is_empty() {
        help += &format!("; lines for .dockerignore: {}", lines.join("  "));
    }
    findings.add(first.span, message).help(help);
}

/// What lies under a name in the root.
#[derive(Default)]
struct Top {
    wasted: u64,
    /// Something of it is copied.
    is_used: bool,
}

fn waste(view: &View, is_reached: impl Fn(&TreePath) -> bool) -> BTreeMap<String, Top> {
    let mut tops: BTreeMap<String, Top> = BTreeMap::new();
    for shown in view.subtree(&TreePath::root()) {
        let path = &shown.entry.path;
        let Some(name) = path.components().next().filter(|_| !shown.entry.is_directory()) else {
            continue;
        };
        let top = tops.entry(String::from_utf8_lossy(name).into_owned()).or_default();
        match is_reached(path) {
            true => top.is_used = true,
            false => top.wasted = top.wasted.saturating_add(size(shown.entry)),
        }
    }
    tops
}

/// What RUN mounts of the context; nothing if that is not known.
fn bind_mounts(subject: &Subject<'_>) -> Option<Vec<TreePath>> {
    let all = subject.dockerfile.instructions.iter();
    let mounts = all.flat_map(|one: &Instruction| one.flags_named("mount"));
    let mut bases = Vec::new();
    for word in mounts.filter_map(|flag| flag.value.as_ref()).map(lapstrake_parser::Word::as_str) {
        let option = |names: &[&str]| mount::option(word, names).map(|(value, _)| value);
        let is_bind = option(&["type"]).is_none_or(|kind| kind == "bind");
        if is_bind && option(&["from"]).is_none() {
            let source = option(&["source", "src"]).unwrap_or_default();
            if source.contains('$') {
                return None;
            }
            bases.push(TreePath::clean(source.as_bytes()));
        }
    }
    Some(bases)
}

const fn size(entry: &Entry) -> u64 {
    match entry.kind {
        Kind::File { size, .. } => size,
        _ => 0,
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes / 1_000_000)
}
