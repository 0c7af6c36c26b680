//! Every file of the corpus, field by field, against what BuildKit's own parser made of it.
//!
//! The corpus is not part of the repository. It is looked for in `$LAPSTRAKE_SHARED`, else in
//! `shared` beside the workspace; without it the test says so and passes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../examples/shape/mod.rs"]
mod shape;

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Fields that name the tool and not the file.
const IGNORED: [&str; 1] = ["parser"];

#[test]
fn agrees_with_buildkit() {
    let folder = corpus();
    let Ok(expected) = fs::read_dir(folder.join("buildkit-parse")) else {
        println!("no corpus at {}: nothing compared", folder.display());
        return;
    };
    let mut differences = Vec::new();
    let mut files = 0;
    for entry in expected {
        let path = entry.unwrap().path();
        files += 1;
        compare_file(&folder, &path, &mut differences);
    }
    println!("{files} files compared");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn corpus() -> PathBuf {
    let shared = std::env::var_os("LAPSTRAKE_SHARED").map(PathBuf::from);
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    shared.unwrap_or_else(beside).join("corpus")
}

fn compare_file(folder: &Path, expected: &Path, differences: &mut Vec<String>) {
    let name = expected.file_stem().unwrap().to_string_lossy().into_owned();
    let source = fs::read(folder.join("files").join(&name)).unwrap();
    let expected: Value = serde_json::from_slice(&fs::read(expected).unwrap()).unwrap();
    let own = shape::document(&name, &lapstrake_parser::parse_bytes(&source));
    compare(&name, &own, &expected, differences);
}

fn compare(place: &str, own: &Value, expected: &Value, differences: &mut Vec<String>) {
    match (own, expected) {
        (Value::Object(own), Value::Object(expected)) => {
            let names = own.keys().chain(expected.keys().filter(|name| !own.contains_key(*name)));
            for name in names.filter(|name| !IGNORED.contains(&name.as_str())) {
                let ours = own.get(name).unwrap_or(&Value::Null);
                let theirs = expected.get(name).unwrap_or(&Value::Null);
                compare(&format!("{place}.{name}"), ours, theirs, differences);
            }
        }
        (Value::Array(own), Value::Array(expected)) if own.len() == expected.len() => {
            for (at, (ours, theirs)) in own.iter().zip(expected).enumerate() {
                compare(&format!("{place}[{at}]"), ours, theirs, differences);
            }
        }
        _ if own == expected => {}
        _ => differences.push(format!("{place}: {own} is not {expected}")),
    }
}
