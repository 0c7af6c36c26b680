//! Every RUN of the corpus, cut off at any place and spoiled at others, can be looked at: all rules look,
//! nothing panics, and each finding is at a place that is there.
//!
//! As `corpus.rs`, which says where the corpus is looked for.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use lapstrake_linter::{Known, Policy, Rule, Wanted};
use lapstrake_parser::check::CheckOptions;
use lapstrake_parser::{CommandForm, InstructionKind};

#[test]
fn no_part_of_a_run_is_too_much() {
    let shared = std::env::var_os("LAPSTRAKE_SHARED").map(PathBuf::from);
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let folder = shared.unwrap_or_else(beside).join("corpus/files");
    let Ok(files) = fs::read_dir(&folder) else {
        println!("no corpus at {}: nothing looked at", folder.display());
        return;
    };
    let rules: Vec<_> = lapstrake_linter::all().collect();
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    let mut looked = 0;
    // Every tenth file, which are a hundred.
    for file in files.iter().step_by(10) {
        let source = fs::read(file).unwrap();
        let (source, _) = lapstrake_parser::decode(&source);
        for text in runs(&source) {
            for (count, (at, _)) in text.char_indices().step_by(37).enumerate() {
                let (before, behind) = text.split_at(at);
                let spoiled = ["", "\"", "'", "`", "$(", "${", "((", "{", "\\", "<<E", "é"];
                look(before, &rules);
                look(&format!("{before}{}{behind}", spoiled[count % spoiled.len()]), &rules);
                looked += 2;
            }
        }
    }
    assert!(looked > 1_000, "{looked}");
}

/// The texts of RUN, each in a line.
fn runs(source: &str) -> Vec<String> {
    let parsed = lapstrake_parser::parse(source);
    let runs = parsed.dockerfile.instructions.iter().filter_map(|one| match &one.kind {
        InstructionKind::Run(CommandForm::Shell(text)) => Some(text.as_str().to_owned()),
        _ => None,
    });
    runs.collect()
}

fn look(text: &str, rules: &[&'static Rule]) {
    let source = format!("FROM debian:12\nRUN <<END-OF-TEXT\n{text}\nEND-OF-TEXT\n");
    let parsed = lapstrake_parser::parse(&source);
    let (checks, policy) = (CheckOptions::default(), Policy::default());
    let wanted = Wanted { rules, checks: &checks, policy: &policy, is_own: false };
    for finding in lapstrake_linter::lint(&source, &parsed.dockerfile, &Known::nothing(), &wanted) {
        let span = finding.diagnostic.span;
        assert!(source.get(span.range()).is_some(), "{}: {span:?}\n{source}", finding.rule.name);
    }
}
