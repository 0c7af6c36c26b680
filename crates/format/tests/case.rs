//! The cases of `case`: a Dockerfile, and beside it what it is formatted to, written by hand.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use lapstrake_format::{Refusal, format};
use lapstrake_parser::parse;

#[test]
fn files_are_formatted_and_stay() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/case");
    let mut faults = Vec::new();
    let mut cases = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "dockerfile") {
            continue;
        }
        cases += 1;
        let source = fs::read_to_string(&path).unwrap();
        let expected = fs::read_to_string(path.with_extension("formatted")).unwrap();
        for text in [&source, &expected] {
            let found = format(text, &parse(text));
            if found.as_ref() != Ok(&expected) {
                faults.push(format!("{}: {found:#?}", path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(cases > 10, "the cases are found");
}

#[test]
fn a_file_with_faults_is_refused() {
    for source in ["", "FROM a\nCPOY a b\n", "FROM a\nRUN <<E\n"] {
        assert_eq!(format(source, &parse(source)), Err(Refusal::Faulty), "{source:?}");
    }
}
