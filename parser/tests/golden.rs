//! The cases of `testdata`: a Dockerfile, and beside it what it must parse to.
//!
//! `ok/NAME.dockerfile` has no diagnostics, and in `NAME.tree` a line for each instruction: its
//! place and its parts. `err/NAME.dockerfile` has diagnostics, and they are in `NAME.diagnostics`,
//! each with its place, message and help. `UPDATE_GOLDEN=1` writes what is found; read it before
//! you keep it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

// What `lap ast` prints.
#[path = "../../cli/src/commands/ast/tree.rs"]
mod shape;

use lapstrake_parser::{LineIndex, Parsed, Severity, Span, parse};
use serde_json::Value;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn good_files_parse_to_their_trees() {
    check("ok", "tree", |source, parsed| {
        assert_eq!(parsed.diagnostics, [], "in the good file {source:?}");
        tree(source, parsed)
    });
}

#[test]
fn bad_files_have_their_diagnostics() {
    check("err", "diagnostics", |source, parsed| {
        assert_ne!(parsed.diagnostics, [], "in the bad file {source:?}");
        diagnostics(source, parsed)
    });
}

fn check(folder: &str, extension: &str, show: impl Fn(&str, &Parsed) -> String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(folder);
    let mut cases = 0;
    for path in dockerfiles(&folder) {
        let source = fs::read_to_string(&path).unwrap();
        let found = show(&source, &parse(&source));
        let expected = path.with_extension(extension);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&expected, &found).unwrap();
        }
        assert_eq!(found, fs::read_to_string(&expected).unwrap_or_default(), "{path:?}");
        cases += 1;
    }
    assert!(cases > 0, "no case in {folder:?}");
}

fn dockerfiles(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "dockerfile")).collect();
    paths.sort();
    paths
}

fn tree(source: &str, parsed: &Parsed) -> String {
    let index = LineIndex::new(source);
    let document = shape::document("", parsed);
    let shapes = document["instructions"].as_array().unwrap();
    let mut text = String::new();
    for (shape, instruction) in shapes.iter().zip(&parsed.dockerfile.instructions) {
        let place = place(&index, instruction.span);
        writeln!(text, "{place} {}", parts(shape)).unwrap();
        for heredoc in &instruction.heredocs {
            writeln!(text, "    {} {:?}", heredoc.name, heredoc.text()).unwrap();
        }
    }
    text
}

fn parts(shape: &Value) -> String {
    let mut text = shape["instruction"].as_str().unwrap().to_owned();
    for flag in shape["flags"].as_array().unwrap() {
        write!(text, " <{}>", flag.as_str().unwrap()).unwrap();
    }
    if shape["json_form"] == true {
        text.push_str(" json");
    }
    for argument in shape["args"].as_array().unwrap() {
        write!(text, " {argument}").unwrap();
    }
    if let Some(trigger) = shape.get("onbuild") {
        write!(text, " ({})", parts(trigger)).unwrap();
    }
    text
}

fn diagnostics(source: &str, parsed: &Parsed) -> String {
    let index = LineIndex::new(source);
    let mut text = String::new();
    for one in &parsed.diagnostics {
        let mark = if one.severity == Severity::Error { "" } else { " (warning)" };
        writeln!(text, "{}{mark} {} {}", one.code, place(&index, one.span), one.message).unwrap();
        for (span, label) in &one.labels {
            writeln!(text, "    at {} {label}", place(&index, *span)).unwrap();
        }
        if let Some(help) = &one.help {
            writeln!(text, "    help: {help}").unwrap();
        }
        for edit in one.fix.iter().flat_map(|fix| &fix.edits) {
            writeln!(text, "    fix: {} {:?}", place(&index, edit.span), edit.text).unwrap();
        }
    }
    text
}

fn place(index: &LineIndex<'_>, span: Span) -> String {
    let (start, end) = (index.position(span.start), index.position(span.end));
    format!("{}:{}-{}:{}", start.line, start.column, end.line, end.column)
}
