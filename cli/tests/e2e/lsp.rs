//! `lap lsp` with the client of another project: the cases of `testdata/lsp`.

use std::process::Command;

use crate::support::{Store, prepared, testdata};

/// Runs a case of that name to its end.
fn holds(name: &str) {
    let store = Store::new();
    let mut lap = Command::new(prepared("LAPSTRAKE_TEST_LSP_CLIENT"));
    lap.arg(testdata("../lsp").join(format!("{name}_case.py")));
    lap.env("LAP", env!("CARGO_BIN_EXE_lap")).env("PYTHONDONTWRITEBYTECODE", "1");
    lap.env("LAPSTRAKE_ROOT", store.root()).env("LAPSTRAKE_CONFIG", prepared("LAPSTRAKE_CONFIG"));
    let output = lap.output().expect("start the client");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {}\n{said}", output.status);
}

#[test]
fn what_is_typed_is_looked_at() {
    holds("typing");
}

#[test]
fn what_is_found_is_mended() {
    holds("mending");
}

#[test]
fn names_lead_to_where_they_are_given() {
    holds("navigating");
}

#[test]
fn what_can_follow_is_offered() {
    holds("completing");
}

#[test]
fn a_client_that_keeps_to_nothing_is_answered() {
    holds("hostile");
}
