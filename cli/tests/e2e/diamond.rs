//! `testdata/e2e/diamond`: stages that do not need each other run at the same time.

use std::time::{Duration, Instant};

use crate::support::{Context, Store, testdata};

#[test]
fn independent_stages_run_at_the_same_time() {
    let store = Store::new();
    store.ok(&["pull", "busybox"]);
    let start = Instant::now();
    store.build("diamond", &testdata("diamond"));
    let taken = start.elapsed();
    assert_eq!(store.prints("diamond", &[]), "north\neast\nsouth\nwest");
    assert!(
        taken < Duration::from_secs(16),
        "four stages of 4 s took {taken:?}, as long as one after the other"
    );
}

#[test]
fn two_stages_that_say_the_same_are_built_once() {
    let step = "RUN cat /proc/sys/kernel/random/uuid > /id";
    let context = Context::new(&format!(
        "FROM busybox AS one\n{step}\nFROM busybox AS two\n{step}\n\
         FROM busybox\nCOPY --from=one /id /one\nCOPY --from=two /id /two\n"
    ));
    let store = Store::new();
    store.build("twice", context.path());
    let ids = store.prints("twice", &["cat", "/one", "/two"]);
    let ids: Vec<&str> = ids.lines().collect();
    assert_eq!(ids.first(), ids.get(1));
}

#[test]
fn a_stage_that_nobody_needs_is_not_built() {
    let context = Context::new(
        "FROM no-such-image AS unused\nRUN exit 1\nFROM busybox\nCMD [\"echo\", \"here\"]\n",
    );
    let store = Store::new();
    store.build("skipped", context.path());
    assert_eq!(store.prints("skipped", &[]), "here");
}
