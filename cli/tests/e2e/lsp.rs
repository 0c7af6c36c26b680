//! `lap lsp` with the client of another project: the cases of `testdata/lsp`.

use std::path::Path;
use std::process::Command;

use crate::support::{Context, Store, prepared, testdata};

/// Runs a case of that name to its end.
fn holds(name: &str) {
    holds_with(name, &Store::new(), Path::new("/"));
}

fn holds_with(name: &str, store: &Store, context: &Path) {
    let mut client = Command::new(prepared("LAPSTRAKE_TEST_LSP_CLIENT"));
    client.arg(testdata("../lsp").join(format!("{name}_case.py"))).env("CONTEXT", context);
    client.env("LAP", env!("CARGO_BIN_EXE_lap")).env("PYTHONDONTWRITEBYTECODE", "1");
    client.env("LAPSTRAKE_ROOT", store.root());
    client.env("LAPSTRAKE_CONFIG", prepared("LAPSTRAKE_CONFIG"));
    let output = client.output().expect("start the client");
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
fn what_is_under_the_pointer_is_told() {
    let store = Store::new();
    let context = Context::new(
        "ARG TAG=latest\nARG BASE=busybox:$TAG NONE\nFROM $BASE AS base\nARG TAG\nARG NONE\n\
         ENV DIR=/srv OTHER=\"$TAG x\"\nRUN echo $DIR $PATH $NONE > /file\nFROM base\n\
         COPY --from=base /file $DIR/\n",
    );
    store.build("made", context.path()).ends_with(0);
    holds_with("hovering", &store, context.path());
}

#[test]
fn what_the_machine_has_is_known() {
    let store = Store::new();
    let context = Context::new(
        "FROM busybox\nRUN echo app:x:7:7::/:/bin/sh >> /etc/passwd\nCOPY there /\nUSER app\n\
         HEALTHCHECK CMD curl -f http://localhost\n",
    );
    context.write("there", "");
    context.write("hidden", "");
    context.write("src/a.log", "");
    context.write(".dockerignore", "*.log\nhidden\n");
    store.build("made", context.path()).ends_with(0);
    holds_with("knowing", &store, context.path());
}

#[test]
fn nothing_is_made_by_looking() {
    let store = Store::new();
    let context = Context::new("FROM scratch\n");
    holds_with("looking", &store, context.path());
    assert!(!store.root().exists(), "the store was not there before");
}

#[test]
fn a_client_that_keeps_to_nothing_is_answered() {
    holds("hostile");
}
