//! Every RUN of the corpus against what ShellCheck says of it: the same rules at the same bytes.
//!
//! As `hadolint.rs`, which has one of ShellCheck's findings for a RUN only; here all are compared. What
//! ShellCheck 0.11.0 says of the texts in [`lapstrake_linter::shell_scripts`] is recorded in
//! `shellcheck.txt`: a line for each file, and below it one for each finding with its bytes.
//! `LAPSTRAKE_RECORD=1` writes it anew, with the `shellcheck` in PATH. Where we mean to differ,
//! `docs/lint-differences.md` says so and why: a line `+ ID FILE:START-END` or `- …` for each place.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lapstrake_linter::{Known, Origin, Policy, Rule, ShellScript, Wanted};
use lapstrake_parser::check::CheckOptions;
use lapstrake_parser::{Position, Span};
use serde_json::Value;

/// Rules that point at the program where ShellCheck points at the whole command.
const OF_COMMANDS: [&str; 3] = ["SC3043", "SC3044", "SC3046"];

/// Ids and places in a file.
type Places = BTreeSet<(String, usize, usize)>;

#[test]
fn agrees_with_shellcheck() {
    let shared = std::env::var_os("LAPSTRAKE_SHARED").map(PathBuf::from);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = shared.unwrap_or_else(|| root.join("../shared")).join("corpus/files");
    let Ok(files) = fs::read_dir(&folder) else {
        println!("no corpus at {}: nothing compared", folder.display());
        return;
    };
    let files = files.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let files: BTreeMap<String, String> = files
        .map(|name| {
            let bytes = fs::read(folder.join(&name)).unwrap();
            (name, lapstrake_parser::decode(&bytes).0.into_owned())
        })
        .collect();
    if std::env::var_os("LAPSTRAKE_RECORD").is_some() {
        record(&files);
    }
    let recorded = recorded();
    let nothing = Places::new();
    let mut found = Vec::new();
    for (name, text) in &files {
        let expected = recorded.get(name).unwrap_or(&nothing);
        let ours = places(text);
        let more = ours.difference(expected).map(|place| ('+', place));
        let less = expected.difference(&ours).map(|place| ('-', place));
        found.extend(
            more.chain(less)
                .map(|(sign, (id, from, to))| format!("{sign} {id} {name}:{from}-{to}")),
        );
    }
    let list = fs::read_to_string(root.join("docs/lint-differences.md")).unwrap();
    let is_ours = |line: &&str| line.starts_with("+ SC") || line.starts_with("- SC");
    let known: BTreeSet<&str> = list.lines().filter(is_ours).collect();
    let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
    let new: Vec<_> = found.difference(&known).copied().collect();
    assert!(new.is_empty(), "{} not explained:\n{}", new.len(), new.join("\n"));
    let gone: Vec<_> = known.difference(&found).copied().collect();
    assert!(gone.is_empty(), "explained and not there:\n{}", gone.join("\n"));
}

fn rules() -> Vec<&'static Rule> {
    lapstrake_linter::all().filter(|rule| rule.origin == Origin::ShellCheck).collect()
}

fn places(text: &str) -> Places {
    let parsed = lapstrake_parser::parse(text);
    let (checks, policy) = (CheckOptions::default(), Policy::default());
    let policy = Policy { ignores_comments: true, ..policy };
    let wanted = Wanted { rules: &rules(), checks: &checks, policy: &policy, is_own: false };
    let found = lapstrake_linter::lint(text, &parsed.dockerfile, &Known::nothing(), &wanted);
    let place = |finding: &lapstrake_linter::Finding| {
        let span = finding.diagnostic.span;
        let id = *finding.rule.aliases.first().unwrap();
        (id.to_owned(), span.start, end_of(id, span.end))
    };
    found.iter().map(place).collect()
}

/// The end, where it is compared.
fn end_of(id: &str, end: usize) -> usize {
    if OF_COMMANDS.contains(&id) { 0 } else { end }
}

fn record_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shellcheck.txt")
}

/// What ShellCheck has said, of the rules that are here.
fn recorded() -> BTreeMap<String, Places> {
    let ids: BTreeSet<&str> = rules().iter().flat_map(|rule| rule.aliases).copied().collect();
    let mut recorded: BTreeMap<String, Places> = BTreeMap::new();
    let mut file = String::new();
    for line in fs::read_to_string(record_file()).unwrap().lines() {
        let Some((id, place)) = line.strip_prefix("  ").and_then(|line| line.split_once(' '))
        else {
            line.clone_into(&mut file);
            continue;
        };
        let (start, end) = place.split_once('-').unwrap();
        let place = (id.to_owned(), start.parse().unwrap(), end_of(id, end.parse().unwrap()));
        if ids.contains(id) {
            recorded.entry(file.clone()).or_default().insert(place);
        }
    }
    recorded
}

/// Asks ShellCheck about all texts.
fn record(files: &BTreeMap<String, String>) {
    let folder = tempfile::tempdir().unwrap();
    let mut record = String::new();
    for (name, text) in files {
        let parsed = lapstrake_parser::parse(text);
        let scripts = lapstrake_linter::shell_scripts(text, &parsed.dockerfile);
        if scripts.is_empty() {
            continue;
        }
        let mut command = Command::new("shellcheck");
        command.args([
            "--norc",
            "--enable=useless-use-of-cat",
            "--format=json1",
            "--exclude=2187,1090,1091",
        ]);
        for (at, script) in scripts.iter().enumerate() {
            let path = folder.path().join(at.to_string());
            fs::write(&path, &script.input).unwrap();
            command.arg(path);
        }
        let said = command.output().unwrap().stdout;
        let said: Value = serde_json::from_slice(&said).unwrap();
        let mut places = Places::new();
        for comment in said["comments"].as_array().unwrap() {
            let path = Path::new(comment["file"].as_str().unwrap());
            let at: usize = path.file_name().unwrap().to_str().unwrap().parse().unwrap();
            if let Some(span) = place(&scripts[at], comment) {
                places.insert((format!("SC{}", comment["code"]), span.start, span.end));
            }
        }
        if !places.is_empty() {
            writeln!(record, "{name}").unwrap();
        }
        for (id, start, end) in places {
            writeln!(record, "  {id} {start}-{end}").unwrap();
        }
    }
    fs::write(record_file(), record).unwrap();
}

/// Where a finding of ShellCheck stands in the file.
fn place(script: &ShellScript, comment: &Value) -> Option<Span> {
    let number = |name: &str| u32::try_from(comment[name].as_u64().unwrap()).unwrap();
    let position = |line, column| Position { line: number(line), column: number(column) };
    script.span(position("line", "column"), position("endLine", "endColumn"))
}
