//! Snippets that hadolint was run on, and in `buildkit` BuildKit: in `ID.fail.Dockerfile` a rule fires, in
//! `ID.pass.Dockerfile` not.
//!
//! They are looked for where the corpus is (`corpus.rs`), in `lint-snippets` beside it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use lapstrake_linter::{Known, LabelKind, Policy, Rule, Wanted};
use lapstrake_parser::Severity;
use lapstrake_parser::check::CheckOptions;

#[test]
fn failing_snippets_fire_and_passing_ones_do_not() {
    let shared = std::env::var_os("LAPSTRAKE_SHARED").map(PathBuf::from);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = shared.unwrap_or_else(|| root.join("../shared")).join("lint-snippets");
    let Ok(entries) = fs::read_dir(&folder) else {
        println!("no snippets at {}: nothing compared", folder.display());
        return;
    };
    let (mut wrong, mut count) = (Vec::new(), 0);
    let of_buildkit = fs::read_dir(folder.join("buildkit")).unwrap();
    for entry in entries.chain(of_buildkit) {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Some((id, is_failing)) = snippet(&name) else { continue };
        count += 1;
        if fires(id, &fs::read_to_string(&path).unwrap()) != is_failing {
            wrong.push(name);
        }
    }
    wrong.sort();
    assert!(wrong.is_empty(), "not as hadolint and BuildKit have it: {wrong:?}");
    assert!(count > 170, "only {count} snippets at {}", folder.display());
}

/// The rule of a snippet, and whether it is broken there.
fn snippet(name: &str) -> Option<(&str, bool)> {
    match name.strip_suffix(".Dockerfile")?.split_once('.')? {
        (id, "fail") => Some((id, true)),
        (id, "pass") => Some((id, false)),
        _ => None,
    }
}

fn fires(id: &str, text: &str) -> bool {
    let parsed = lapstrake_parser::parse(text);
    let errors = parsed.diagnostics.iter().filter(|one| one.severity == Severity::Error);
    let mut of_syntax = errors.map(|one| lapstrake_linter::syntax_aliases(one.code));
    let rules: Vec<&'static Rule> = lapstrake_linter::rule(id).into_iter().collect();
    let (checks, faults) = CheckOptions::parse("experimental=all", 0);
    assert!(faults.is_empty());
    let policy = policy(id);
    let wanted = Wanted { rules: &rules, checks: &checks, policy: &policy, is_own: false };
    let found = lapstrake_linter::lint(text, &parsed.dockerfile, &Known::nothing(), &wanted);
    of_syntax.any(|aliases| aliases.contains(&id)) || !found.is_empty()
}

/// What the snippets of a rule were run with.
fn policy(id: &str) -> Policy {
    let label = match id {
        "DL3049" | "DL3050" | "DL3051" => Some(("owner", LabelKind::Text)),
        "DL3052" => Some(("docs", LabelKind::Url)),
        "DL3053" => Some(("built", LabelKind::Time)),
        "DL3054" => Some(("lic", LabelKind::Licence)),
        "DL3055" => Some(("rev", LabelKind::Commit)),
        "DL3056" => Some(("ver", LabelKind::Version)),
        "DL3058" => Some(("mail", LabelKind::Email)),
        _ => None,
    };
    let label_schema = label.map(|(name, kind)| (name.to_owned(), kind)).into_iter().collect();
    let trusted_registries = match id {
        "DL3026" => vec!["docker.io".to_owned()],
        _ => Vec::new(),
    };
    let strict_labels = id == "DL3050";
    Policy { trusted_registries, label_schema, strict_labels, ..Policy::default() }
}
