//! Every file of the corpus, field by field, against what BuildKit's own parser made of it.
//!
//! The corpus is not part of the repository. It is looked for in `$LAPSTRAKE_SHARED`, else in
//! `shared` beside the workspace; without it the test says so and passes.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Context, Store, text};

/// Fields that name the tool and not the file, or that BuildKit has no word for.
fn is_ours(name: &str) -> bool {
    name == "parser" || name.ends_with("span") || name.ends_with("spans")
}

#[test]
fn agrees_with_buildkit() {
    let folder = corpus();
    let Ok(expected) = fs::read_dir(folder.join("buildkit-parse")) else {
        println!("no corpus at {}: nothing compared", folder.display());
        return;
    };
    let mut names: Vec<String> = expected
        .map(|entry| entry.expect("an entry").path())
        .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
        .collect();
    names.sort();
    let files: Vec<String> =
        names.iter().map(|name| text(&folder.join("files").join(name))).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let printed = Store::new().ok(&[&["ast"], &files[..]].concat());
    let mut differences = Vec::new();
    assert_eq!(printed.lines().count(), names.len());
    for (name, line) in names.iter().zip(printed.lines()) {
        let own: Value = serde_json::from_str(line).expect("JSON");
        let expected = fs::read(folder.join("buildkit-parse").join(format!("{name}.json")));
        let expected = serde_json::from_slice(&expected.expect("read")).expect("JSON");
        compare(name, &own, &expected, &mut differences);
    }
    println!("{} files compared", names.len());
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn corpus() -> PathBuf {
    let shared = std::env::var_os("LAPSTRAKE_SHARED").map(PathBuf::from);
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    shared.unwrap_or_else(beside).join("corpus")
}

fn compare(place: &str, own: &Value, expected: &Value, differences: &mut Vec<String>) {
    match (own, expected) {
        (Value::Object(own), Value::Object(expected)) => {
            let names = own.keys().chain(expected.keys().filter(|name| !own.contains_key(*name)));
            for name in names.filter(|name| !is_ours(name)) {
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

#[test]
fn a_file_is_printed_with_the_places_of_everything() {
    let context =
        Context::new("FROM busybox AS b\nENV A=1 B=\\\n2\nRUN --network=none <<E\nx\nE\n");
    let context = context.file("broken", "FRUM x\n");
    let file = |name: &str| text(&context.path().join(name));
    let (good, broken) = (file("Dockerfile"), file("broken"));
    let answer = Store::new().answer(&["ast", &good, &file("none"), &broken]).ends_with(1);
    let answer = answer.says(&["cannot read", "none", "broken:1:1", "did you mean `FROM`?"]);
    let documents: Vec<Value> =
        answer.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let source = fs::read_to_string(&good).expect("read");
    let at = |span: &Value| {
        let [start, end] = [0, 1].map(|index| span[index].as_u64().expect("a byte") as usize);
        source[start..end].to_owned()
    };
    let instructions = &documents[0]["instructions"];
    assert_eq!(at(&instructions[0]["arg_spans"][2]), "b");
    assert_eq!(at(&instructions[1]["span"]), "ENV A=1 B=\\\n2");
    assert_eq!(at(&instructions[1]["arg_spans"][0]), "A");
    assert_eq!(instructions[1]["arg_spans"][2], Value::Null);
    assert_eq!(at(&instructions[2]["flag_spans"][0]), "--network=none");
    assert_eq!(at(&instructions[2]["heredocs"][0]["body_span"]), "x\n");
    assert_eq!(documents[1]["file"], "broken");
    assert!(documents[1]["errors"][0].as_str().expect("a text").contains("FRUM"));
    assert_eq!(documents[1]["error_spans"][0], serde_json::json!([0, 4]));
    Store::new().answer(&["ast", &broken]).ends_with(1);
    Store::new().answer(&["ast", &good, "-"]).ends_with(1).says(&["empty-file"]);
}
