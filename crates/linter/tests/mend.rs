//! Fixes of all rules made in every file of the corpus, which is looked for as `corpus.rs` says: the
//! files still parse, and soon there is nothing left to make.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use lapstrake_linter::{Finding, Known, Policy, Preset, Rule, Wanted, mend};
use lapstrake_parser::{Fix, Safety, Severity};

/// Looks at a text once for each of these at most.
const PASSES: usize = 10;

#[test]
fn mended_files_parse_and_stay() {
    let shared = std::env::var_os("LAPSTRAKE_SHARED").map(PathBuf::from);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = shared.unwrap_or_else(|| root.join("../shared")).join("corpus/files");
    let Ok(files) = fs::read_dir(&folder) else {
        println!("no corpus at {}: nothing mended", folder.display());
        return;
    };
    let rules: Vec<_> =
        lapstrake_linter::all().filter(|rule| rule.presets.contains(&Preset::Strict)).collect();
    let mut made = [0, 0];
    let mut wrong = Vec::new();
    for path in files.map(|entry| entry.unwrap().path()) {
        let source = fs::read(&path).unwrap();
        let (text, _) = lapstrake_parser::decode(&source);
        for (at, least) in [Safety::Safe, Safety::Unsafe].into_iter().enumerate() {
            match mended(&text, &rules, least) {
                Ok(count) => made[at] += count,
                Err(fault) => wrong.push(format!("{}: {least:?}: {fault}", path.display())),
            }
        }
    }
    println!("{} safe fixes made, {} in all", made[0], made[1]);
    assert!(wrong.is_empty(), "{} files:\n{}", wrong.len(), wrong.join("\n"));
    assert!(made[0] > 100, "only {} safe fixes were made", made[0]);
}

/// How many fixes were made until there was none any more.
fn mended(text: &str, rules: &[&'static Rule], least: Safety) -> Result<usize, String> {
    let mut text = text.to_owned();
    let mut made = 0;
    for _ in 0..PASSES {
        let found = found(&text, rules)?;
        let fixes = found.iter().filter_map(|one| one.diagnostic.fix.as_ref());
        let is_wanted = |fix: &&Fix| fix.safety == Safety::Safe || least == Safety::Unsafe;
        let Some(next) = mend(&text, fixes.filter(is_wanted)) else { return Ok(made) };
        made += next.made;
        text = next.text;
    }
    let left = found(&text, rules)?;
    let left = left.iter().filter(|one| one.diagnostic.fix.is_some());
    let codes: Vec<_> = left.map(|one| one.rule.name).collect();
    Err(format!("still not done: {codes:?}"))
}

fn found(text: &str, rules: &[&'static Rule]) -> Result<Vec<Finding>, String> {
    let parsed = lapstrake_parser::parse(text);
    let mut errors = parsed.diagnostics.iter().filter(|one| one.severity == Severity::Error);
    if let Some(error) = errors.next() {
        return Err(format!("it does not parse: {} in\n{text}", error.message));
    }
    let (checks, policy) = (lapstrake_linter::checks(&parsed.dockerfile), Policy::default());
    let wanted = Wanted { rules, checks: &checks, policy: &policy, is_own: false };
    Ok(lapstrake_linter::lint(text, &parsed.dockerfile, &Known::nothing(), &wanted))
}
