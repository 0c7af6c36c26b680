//! # Caches of package managers are in no layer
//!
//! What a package manager has fetched, and its lists, are there for its next run: in an image they are weight that each pull carries. Looks
//! at the layers of the last build, if they are in the store, and tells of those with a megabyte or more of it that the image still shows.
//! Where a rule about one package manager says so by the text alone, that one is told.
//!
//! ```dockerfile
//! FROM python:3.13
//! RUN pip install flask==3.1.0
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM python:3.13
//! RUN --mount=type=cache,target=/root/.cache/pip pip install flask==3.1.0
//! ```
//!
//! **Fix**: none: a mount, a flag and a removal in the same RUN all do.

use lapstrake_parser::{Severity, Span, Stage};
use lapstrake_rootfs::{TreePath, View};

use crate::amount;
use crate::finding::Findings;
use crate::layer::Layer;
use crate::rule::{Check, Rule};
use crate::run::Run;
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::own("cache-in-layer", Severity::Warning, Check::Stage(check)).of_size();

/// Less than that is not worth a word.
const LEAST: u64 = 1_000_000;

/// Programs, and where they keep what they can fetch again.
const CACHES: [(&[&str], &[&str]); 12] = [
    (&["apt-get", "apt", "aptitude"], &["/var/lib/apt/lists", "/var/cache/apt/archives"]),
    (&["apk"], &["/var/cache/apk", "/lib/apk/cache"]),
    (&["dnf", "microdnf"], &["/var/cache/dnf", "/var/cache/libdnf5"]),
    (&["yum"], &["/var/cache/yum"]),
    (&["zypper"], &["/var/cache/zypp"]),
    (&["pip", "pip3", "python", "python3"], &["~/.cache/pip"]),
    (&["uv"], &["~/.cache/uv"]),
    (&["poetry"], &["~/.cache/pypoetry"]),
    (&["npm"], &["~/.npm/_cacache"]),
    (&["yarn"], &["~/.cache/yarn", "/usr/local/share/.cache/yarn"]),
    (&["go"], &["~/.cache/go-build", "/go/pkg/mod/cache/download"]),
    (&["composer"], &["~/.cache/composer", "~/.composer/cache"]),
];

/// What of a cache is in a layer.
struct Kept {
    programs: &'static [&'static str],
    path: String,
    size: u64,
}

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    if !subject.is_target(stage) {
        return;
    }
    let layers = Layer::all(subject, stage);
    let view = View::new(layers.iter().map(|layer| layer.manifest.clone()).collect());
    for (number, layer) in layers.iter().enumerate() {
        let mut kept = kept(layer, number, &view);
        kept.sort_by_key(|one| std::cmp::Reverse(one.size));
        let total: u64 = kept.iter().map(|one| one.size).sum();
        let Some(largest) = kept.first().filter(|_| total >= LEAST) else { continue };
        let what = format!("{} of caches stay in the image", amount::bytes(total));
        let named = kept.iter().map(|one| format!("{} {}", one.path, amount::bytes(one.size)));
        let named = named.collect::<Vec<_>>().join(", ");
        let help = format!(
            "in the last build: {named}; mount a cache there, or remove it in the same RUN"
        );
        findings.add(place(subject, layer, largest.programs), what).help(help);
    }
}

/// The caches in a layer whose files are still shown.
fn kept(layer: &Layer<'_>, number: usize, view: &View) -> Vec<Kept> {
    let mut homes = vec!["/root".to_owned()];
    let people = layer.manifest.children(&TreePath::clean(b"/home"));
    homes.extend(people.map(|entry| entry.path.to_string()));
    let is_shown = |path: &TreePath| view.entry(path).is_some_and(|shown| shown.layer == number);
    let mut kept = Vec::new();
    for (programs, paths) in CACHES {
        for path in paths {
            let places: Vec<String> = match path.strip_prefix('~') {
                Some(below) => homes.iter().map(|home| format!("{home}{below}")).collect(),
                None => vec![(*path).to_owned()],
            };
            kept.extend(places.into_iter().map(|path| {
                let folder = TreePath::clean(path.as_bytes());
                let files = layer.files(&folder).filter(|(path, _)| is_shown(path));
                let size = files.map(|(_, size)| size).sum();
                Kept { programs, path, size }
            }));
        }
    }
    kept.retain(|one| one.size > 0);
    kept
}

/// The first command of the programs, or the instruction's name.
fn place(subject: &Subject<'_>, layer: &Layer<'_>, programs: &[&str]) -> Span {
    let run = Run::of(subject, layer.instruction);
    let commands = run.as_ref().map(|run| run.script.commands.as_slice()).unwrap_or_default();
    let command = commands.iter().find(|command| programs.contains(&command.base_name()));
    command.map_or(layer.place(), |command| command.span())
}
