//! Every file of the corpus against what hadolint said of it: the same rules at the same instructions.
//!
//! As `corpus.rs`, which says where the corpus is looked for. hadolint points at the first line of an
//! instruction, once for each rule; so rules and lines are compared. Files that it cannot read are left
//! out. Of ShellCheck's warnings the records have at most one for a RUN, so that more of them there are no
//! difference. Where we mean to differ, `docs/lint-differences.md` says so and why: a line `+1 ID FILE:LINE`
//! or `-1 …` in it for each place. The list is exact.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use lapstrake_linter::{Finding, Known, Policy, Preset, Rule, Wanted};
use lapstrake_parser::check::CheckOptions;
use lapstrake_parser::{Dockerfile, LineIndex};
use serde_json::Value;

type Places = BTreeSet<(String, u64)>;

#[test]
fn agrees_with_hadolint() {
    let shared = std::env::var_os("LAPSTRAKE_SHARED").map(PathBuf::from);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = shared.unwrap_or_else(|| root.join("../shared")).join("corpus");
    let Ok(expected) = fs::read_dir(folder.join("hadolint")) else {
        println!("no corpus at {}: nothing compared", folder.display());
        return;
    };
    let mut found = Vec::new();
    for entry in expected {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let source = fs::read(folder.join("files").join(&name)).unwrap();
        let expected: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let other = of_shell(&expected);
        let expected = recorded(&expected);
        if expected.iter().any(|(code, _)| code == "DL1000") {
            continue;
        }
        let (text, _) = lapstrake_parser::decode(&source);
        let ours = places(&text);
        let more = ours.difference(&expected).filter(|place| !is_hidden(place, &other));
        let more = more.map(|place| ("+1", place));
        let less = expected.difference(&ours).map(|place| ("-1", place));
        let all = more.chain(less);
        found.extend(all.map(|(sign, (code, line))| format!("{sign} {code} {name}:{line}")));
    }
    found.sort();
    let known = fs::read_to_string(root.join("docs/lint-differences.md")).unwrap();
    let known: Vec<&str> = known
        .lines()
        .filter(|line| {
            ["+1 DL", "-1 DL", "+1 SC", "-1 SC"].iter().any(|start| line.starts_with(start))
        })
        .collect();
    let new: Vec<_> = found.iter().filter(|line| !known.contains(&line.as_str())).collect();
    assert!(new.is_empty(), "{} not explained:\n{}", new.len(), join(&new));
    let gone: Vec<_> = known.iter().filter(|line| found.iter().all(|one| one != *line)).collect();
    assert!(gone.is_empty(), "explained and not there:\n{}", join(&gone));
}

fn join(lines: &[impl ToString]) -> String {
    lines.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The hadolint ids of a rule that hadolint uses without being asked to.
fn ids(rule: &'static Rule) -> impl Iterator<Item = &'static str> {
    let is_id = |id: &str| id.starts_with("DL") || id.starts_with("SC");
    let is_used = rule.presets.contains(&Preset::Hadolint) && !rule.experimental;
    rule.aliases.iter().copied().filter(move |id| is_id(id) && is_used)
}

/// What hadolint found, of the rules that are here.
fn recorded(findings: &Value) -> Places {
    let is_ours = |code: &str| lapstrake_linter::all().flat_map(ids).any(|id| id == code);
    let found = findings.as_array().unwrap().iter().map(|finding| {
        let code = finding["code"].as_str().unwrap().to_owned();
        (code, finding["line"].as_u64().unwrap())
    });
    found.filter(|(code, _)| is_ours(code) || code == "DL1000").collect()
}

/// The lines that hadolint has one of ShellCheck's warnings for.
fn of_shell(findings: &Value) -> BTreeSet<u64> {
    let findings = findings.as_array().unwrap().iter();
    let of_shell = findings.filter(|one| one["code"].as_str().unwrap().starts_with("SC"));
    of_shell.map(|one| one["line"].as_u64().unwrap()).collect()
}

/// True if hadolint may have found that as well: of ShellCheck's warnings at most one is recorded for a RUN.
fn is_hidden((code, line): &(String, u64), shown: &BTreeSet<u64>) -> bool {
    code.starts_with("SC") && shown.contains(line)
}

fn places(text: &str) -> Places {
    let parsed = lapstrake_parser::parse(text);
    let rules: Vec<_> = lapstrake_linter::all().filter(|rule| ids(rule).next().is_some()).collect();
    let checks = CheckOptions::default();
    let policy = Policy::default();
    let wanted = Wanted { rules: &rules, checks: &checks, policy: &policy, is_own: false };
    let found = lapstrake_linter::lint(text, &parsed.dockerfile, &Known::nothing(), &wanted);
    let places = found.iter().flat_map(|finding| {
        let line = line(finding, &parsed.dockerfile, text);
        ids(finding.rule).map(move |id| (id.to_owned(), line))
    });
    places.collect()
}

/// The first line of the instruction.
fn line(finding: &Finding, dockerfile: &Dockerfile, text: &str) -> u64 {
    let at = finding.diagnostic.span.start;
    let holds = |one: &&lapstrake_parser::Instruction| one.span.start <= at && at <= one.span.end;
    let instruction = dockerfile.instructions.iter().find(holds);
    let start = instruction.map_or(at, |one| one.span.start);
    LineIndex::new(text).position(start).line.into()
}
