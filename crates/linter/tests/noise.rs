//! What the preset `recommended` says about 100 files of the corpus, against `docs/lint-noise.md`, where each
//! finding has been judged by hand: nothing may be said there that nobody has looked at, and few of it
//! may be wrong.
//!
//! The corpus is not part of the repository. It is looked for in `$LAPSTRAKE_SHARED`, else in
//! `shared` beside the workspace; without it the test says so, and only the table is looked at.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use lapstrake_linter::{Known, Policy, Preset, Rule, Wanted};
use lapstrake_parser::LineIndex;

/// Which files are judged: those whose names have the smallest hashes.
const SEED: u64 = 6;
const FILES: usize = 100;

/// A file, a rule and a line, with how many findings that is.
type Found = BTreeMap<(String, String, u32), usize>;

/// The findings of a rule in a file that are judged alike.
struct Row {
    file: String,
    rule: String,
    lines: Vec<u32>,
    is_wrong: bool,
}

#[test]
fn all_is_judged() {
    let Some(names) = sample() else {
        println!("no corpus at {}: nothing compared", corpus().display());
        return;
    };
    let rules: Vec<&'static Rule> = lapstrake_linter::all()
        .filter(|rule| rule.presets.contains(&Preset::Recommended) && !rule.experimental)
        .collect();
    let mut found = Found::new();
    for name in &names {
        for (rule, line) in findings(&fs::read(corpus().join(name)).unwrap(), &rules) {
            *found.entry((name.clone(), rule, line)).or_default() += 1;
        }
    }
    let mut judged = Found::new();
    for row in rows() {
        for line in row.lines {
            *judged.entry((row.file.clone(), row.rule.clone(), line)).or_default() += 1;
        }
    }
    let (new, gone) = (beyond(&found, &judged), beyond(&judged, &found));
    assert!(new.is_empty(), "not judged:\n{}", as_rows(&new));
    assert!(gone.is_empty(), "judged and not there:\n{}", as_rows(&gone));
}

#[test]
fn little_is_wrong() {
    let rows = rows();
    let count = |rows: &mut dyn Iterator<Item = &Row>| rows.map(|row| row.lines.len()).sum();
    let all: usize = count(&mut rows.iter());
    let wrong: usize = count(&mut rows.iter().filter(|row| row.is_wrong));
    let sum = format!("{FILES} files, {all} findings, {wrong} wrong");
    assert!(table().contains(&sum), "the table has to say: {sum}");
    assert!(wrong * 10 < FILES * 3, "{sum}: at most 0.3 a file may be");
}

fn table() -> &'static str {
    include_str!("../../../docs/lint-noise.md")
}

/// The rows of the table: file, rule, lines, verdict.
fn rows() -> Vec<Row> {
    let rows = table().lines().filter_map(|line| line.strip_prefix("| `"));
    let row = |row: &str| {
        let cells: Vec<&str> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let [file, rule, lines, verdict, _] = *cells else { panic!("not five cells: {row}") };
        let is_wrong = match verdict.split(':').next() {
            Some("right") => false,
            Some("wrong") => true,
            _ => panic!("neither `right` nor `wrong`: {row}"),
        };
        let lines = lines.split(' ').map(|line| line.parse().unwrap()).collect();
        Row { file: file.to_owned(), rule: rule.to_owned(), lines, is_wrong }
    };
    rows.map(row).collect()
}

/// What is in `one` and not in `other`.
fn beyond(one: &Found, other: &Found) -> Found {
    let more = one.iter().map(|(key, count)| {
        let known = other.get(key).copied().unwrap_or_default();
        (key.clone(), count.saturating_sub(known))
    });
    more.filter(|(_, count)| *count > 0).collect()
}

/// As they stand in the table, with the verdict left open.
fn as_rows(found: &Found) -> String {
    let mut rows: BTreeMap<(&str, &str), String> = BTreeMap::new();
    for ((file, rule, line), count) in found {
        for _ in 0..*count {
            write!(rows.entry((file, rule)).or_default(), " {line}").unwrap();
        }
    }
    let row = |((file, rule), lines): (&(&str, &str), &String)| {
        format!("| `{file}` | {rule} |{lines} | ? |")
    };
    rows.iter().map(row).collect::<Vec<_>>().join("\n")
}

fn corpus() -> PathBuf {
    let shared = std::env::var_os("LAPSTRAKE_SHARED").map(PathBuf::from);
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    shared.unwrap_or_else(beside).join("corpus/files")
}

/// The names of the files that are judged.
fn sample() -> Option<BTreeSet<String>> {
    let files = fs::read_dir(corpus()).ok()?;
    let names = files.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<(u64, String)> = names.map(|name| (hash(&name), name)).collect();
    names.sort();
    Some(names.into_iter().take(FILES).map(|(_, name)| name).collect())
}

/// FNV-1a of the name behind the seed.
fn hash(name: &str) -> u64 {
    let bytes = SEED.to_le_bytes().into_iter().chain(name.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The rule and the line of each finding, nothing known but the file.
fn findings(source: &[u8], rules: &[&'static Rule]) -> Vec<(String, u32)> {
    let (text, _) = lapstrake_parser::decode(source);
    let parsed = lapstrake_parser::parse(&text);
    let (known, policy) = (Known::nothing(), Policy::default());
    let checks = lapstrake_linter::checks(&parsed.dockerfile);
    let wanted = Wanted { rules, checks: &checks, policy: &policy, is_own: true };
    let index = LineIndex::new(&text);
    let findings = lapstrake_linter::lint(&text, &parsed.dockerfile, &known, &wanted);
    let one = |rule: &Rule, at| (rule.name.to_owned(), index.position(at).line);
    findings.iter().map(|found| one(found.rule, found.diagnostic.span.start)).collect()
}
