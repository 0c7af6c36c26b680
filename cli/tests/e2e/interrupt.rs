//! Ctrl-C and worse: no process, no mount, nothing half-made.

use std::fs;
use std::path::Path;

use nix::sys::signal::Signal;

use crate::support::{Context, Store, mounts_below, processes_with, text, unusual_sleep, wait_for};

/// A build whose RUN sleeps; it is interrupted once the sleep has begun.
fn interrupted(
    signal: Signal,
    dockerfile: impl Fn(&str) -> String,
) -> (Store, Option<i32>, String) {
    let store = Store::new();
    store.ok(&["pull", "busybox"]);
    let seconds = unusual_sleep();
    let context = Context::new(&dockerfile(&seconds));
    let build =
        store.background(&["build", "--progress", "plain", "-t", "never", &text(context.path())]);
    wait_for("the step to sleep", || (!processes_with(&seconds).is_empty()).then_some(()));
    build.signal(signal);
    let code = build.answer().code;
    wait_for("the step's processes to end", || processes_with(&seconds).is_empty().then_some(()));
    (store, code, seconds)
}

fn entries(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("list a folder");
    entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect()
}

fn one_step(seconds: &str) -> String {
    format!("FROM busybox\nRUN echo x > /half && sleep {seconds}\n")
}

#[test]
fn an_interrupted_build_leaves_nothing() {
    let (store, code, _) = interrupted(Signal::SIGINT, one_step);
    assert_eq!(code, Some(130));
    assert_eq!(mounts_below(&store.root()), [""; 0]);
    assert_eq!(entries(&store.root().join("tmp")), [""; 0]);
    assert_eq!(store.ok(&["images", "-q"]).lines().count(), 1);
}

#[test]
fn every_stage_that_runs_is_ended() {
    let (store, code, _) = interrupted(Signal::SIGTERM, |seconds| {
        format!(
            "FROM busybox AS a\nRUN sleep {seconds} && echo a > /a\nFROM busybox AS b\nRUN (sleep {seconds} & wait) && echo b > /b\n\
             FROM busybox\nCOPY --from=a /a /\nCOPY --from=b /b /\n"
        )
    });
    assert_eq!(code, Some(143));
    assert_eq!(mounts_below(&store.root()), [""; 0]);
    assert_eq!(entries(&store.root().join("tmp")), [""; 0]);
}

/// A process that ignores everything that can be ignored ends as well.
#[test]
fn a_step_that_ignores_signals_is_ended() {
    let (store, code, _) = interrupted(Signal::SIGINT, |seconds| {
        format!("FROM busybox\nRUN trap '' INT TERM HUP; sleep {seconds}; sleep {seconds}\n")
    });
    assert_eq!(code, Some(130));
    assert_eq!(mounts_below(&store.root()), [""; 0]);
}

/// After `kill -9` there is nobody to tidy up; the next build does it, and works.
#[test]
fn a_killed_build_does_no_harm_to_the_next() {
    let (store, _, _) = interrupted(Signal::SIGKILL, one_step);
    assert_eq!(mounts_below(&store.root()), [""; 0]);
    let context = Context::new("FROM busybox\nRUN echo whole > /half\nCMD [\"cat\", \"/half\"]\n");
    store.build("after", context.path());
    assert_eq!(store.prints("after", &[]), "whole");
    assert_eq!(entries(&store.root().join("tmp")), [""; 0]);
}

#[test]
fn an_interrupted_container_leaves_nothing() {
    let store = Store::new();
    store.ok(&["pull", "busybox"]);
    let seconds = unusual_sleep();
    let container = store.background(&["run", "--rm", "busybox", "sleep", &seconds]);
    wait_for("the process", || (processes_with(&seconds).len() > 1).then_some(()));
    container.signal(Signal::SIGINT);
    // `sleep` has no handler, and the first process of a container gets no signal that it does not
    // handle: only the next one, which cannot be refused, ends it.
    std::thread::sleep(std::time::Duration::from_millis(200));
    container.signal(Signal::SIGKILL);
    let _ = container.answer();
    wait_for("the processes to end", || processes_with(&seconds).is_empty().then_some(()));
    assert_eq!(mounts_below(&store.root()), [""; 0]);
}
