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

/// What is put into the cases, at each place.
const PIECES: [&str; 12] =
    [" ", "\t", "\n", "\\", "\\\n", " \\\n  ", "'", "\"", "#", "\u{b}", "\u{a0}", "$("];

/// Nothing of it is refused as something else, and all of it stays once it is formatted.
#[test]
fn files_with_something_odd_are_formatted_and_stay() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/case");
    let (mut formatted, mut faults) = (0, Vec::new());
    for entry in fs::read_dir(folder).unwrap() {
        let source = fs::read_to_string(entry.unwrap().path()).unwrap();
        for (at, _) in source.char_indices() {
            for piece in PIECES {
                let (front, behind) = source.split_at(at);
                let odd = format!("{front}{piece}{behind}");
                match format(&odd, &parse(&odd)) {
                    Ok(text) if format(&text, &parse(&text)).as_ref() == Ok(&text) => {}
                    Ok(text) => faults.push(format!("{odd:?} as {text:?}")),
                    Err(Refusal::Faulty) => {}
                    Err(refusal) => faults.push(format!("{odd:?}: {refusal:?}")),
                }
                formatted += 1;
            }
        }
    }
    assert!(faults.is_empty(), "{} of {formatted}: {:#?}", faults.len(), faults.get(..9));
    assert!(formatted > 10_000, "the cases are found");
}

#[test]
fn a_file_with_faults_is_refused() {
    for source in ["", "FROM a\nCPOY a b\n", "FROM a\nRUN <<E\n"] {
        assert_eq!(format(source, &parse(source)), Err(Refusal::Faulty), "{source:?}");
    }
}
