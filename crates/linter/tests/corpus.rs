//! Every file of the corpus against what BuildKit's own checks said of it: the same rules at the same
//! lines.
//!
//! The corpus is not part of the repository. It is looked for in `$LAPSTRAKE_SHARED`, else in
//! `shared` beside the workspace; without it the test says so and passes.
//!
//! Where we mean to differ, `docs/lint-differences.md` says so and why: a line `+1 RULE FILE:LINE` in it for
//! each place. The list is exact: what it names and does not differ is a fault as well.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use lapstrake_linter::{Finding, Known, KnownStage, Origin, Policy, Wanted};
use lapstrake_oci::{ImageConfig, Platform};
use lapstrake_parser::{Dockerfile, LineIndex, Span};
use serde_json::Value;

/// A rule and the line it points at, with how often more we say so than BuildKit.
type Differences = BTreeMap<(String, u64), i64>;

#[test]
fn agrees_with_buildkit() {
    let folder = corpus();
    let Ok(expected) = fs::read_dir(folder.join("buildkit-check")) else {
        println!("no corpus at {}: nothing compared", folder.display());
        return;
    };
    let mut found = Vec::new();
    let mut files = 0;
    for entry in expected {
        let path = entry.unwrap().path();
        files += 1;
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let source = fs::read(folder.join("files").join(&name)).unwrap();
        let expected: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        for ((rule, line), count) in differences(&source, &expected) {
            found.push(format!("{count:+} {rule} {name}:{line}"));
        }
    }
    println!("{files} files compared");
    found.sort();
    let list = include_str!("../../../docs/lint-differences.md");
    // hadolint's and ShellCheck's ids stand in the same list.
    let is_ours = |line: &&str| {
        line.starts_with(['+', '-']) && !line.contains(" DL") && !line.contains(" SC")
    };
    let known: Vec<&str> = list.lines().filter(is_ours).collect();
    let new: Vec<_> = found.iter().filter(|line| !known.contains(&line.as_str())).collect();
    assert!(new.is_empty(), "not explained:\n{}", join(&new));
    let gone: Vec<_> = known.iter().filter(|line| found.iter().all(|one| one != *line)).collect();
    assert!(gone.is_empty(), "explained and not there:\n{}", join(&gone));
}

fn join(lines: &[impl ToString]) -> String {
    lines.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn corpus() -> PathBuf {
    let shared = std::env::var_os("LAPSTRAKE_SHARED").map(PathBuf::from);
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    shared.unwrap_or_else(beside).join("corpus")
}

/// The expectation was made with an image of which only PATH is known under every base. It was for the
/// platform that was asked for, so one rule has nothing to say.
fn differences(source: &[u8], expected: &Value) -> Differences {
    let (text, _) = lapstrake_parser::decode(source);
    let parsed = lapstrake_parser::parse(&text);
    let mut base = ImageConfig::new(&Platform::new("linux", "amd64", ""));
    base.config.env = vec!["PATH=/usr/bin:/bin".to_owned()];
    let stage = KnownStage::new(true, Some(&base));
    let stages = parsed.dockerfile.stages().iter().map(|_| stage).collect();
    let known = Known { stages, ..Known::nothing() };
    let checks = lapstrake_linter::checks(&parsed.dockerfile);
    let rules: Vec<_> = lapstrake_linter::all()
        .filter(|rule| rule.origin == Origin::BuildKit && rule.name != "InvalidBaseImagePlatform")
        .collect();
    let policy = Policy::default();
    let wanted = Wanted { rules: &rules, checks: &checks, policy: &policy, is_own: false };
    let findings = lapstrake_linter::lint(&text, &parsed.dockerfile, &known, &wanted);
    let mut differences = Differences::new();
    for finding in &findings {
        let line = line(finding, &parsed.dockerfile, &text);
        *differences.entry((finding.rule.name.to_owned(), line)).or_default() += 1;
    }
    for warning in expected["warnings"].as_array().unwrap() {
        let rule = warning["rule"].as_str().unwrap().to_owned();
        let line = warning["start_line"].as_u64().unwrap();
        *differences.entry((rule, line)).or_default() -= 1;
    }
    differences.retain(|_, count| *count != 0);
    differences
}

/// BuildKit points at whole instructions, and has a range for each of their lines; the corpus holds the
/// first one. For a blank line it is the last line that is no heredoc.
fn line(finding: &Finding, dockerfile: &Dockerfile, text: &str) -> u64 {
    let at = finding.diagnostic.span;
    let holds = |span: Span| span.start <= at.start && at.end <= span.end;
    let instruction = dockerfile.instructions.iter().find(|one| holds(one.span)).unwrap();
    let (first, last) = instruction.lines;
    if finding.rule.name != "NoEmptyContinuation" {
        return first.into();
    }
    let index = LineIndex::new(text);
    let heredoc = instruction.heredocs.first();
    heredoc.map_or(last, |first| index.position(first.body.start).line - 1).into()
}
