//! Many builds on one store: it holds what they came to, however many there were.

use std::fs;
use std::path::Path;

use nix::sys::resource::{UsageWho, getrusage};

use crate::leak::mounts_anywhere;
use crate::support::{Context, Store, text};

/// How many builds there are; `LAPSTRAKE_LOOP` says another number, such as 1000.
const BUILDS: usize = 45;

/// Builds after which nothing may grow any more, logs excepted: of them the last hundred are kept.
const SETTLED: usize = 15;

/// Two per cent more is as much as it was.
fn is_flat(before: u64, after: u64) -> bool {
    after <= before + before.div_ceil(50)
}

#[derive(Debug)]
struct Size {
    /// Files and folders without the logs.
    inodes: u64,
    /// Bytes on disk without the logs.
    bytes: u64,
    logs: usize,
    /// The most memory that a build used so far, in kB.
    memory: u64,
    groups: usize,
}

fn measure(store: &Store) -> Size {
    let tool = |options: &[&str]| -> u64 {
        let exclude = format!("--exclude={}", text(&store.root().join("logs")));
        let shown = crate::support::tool(
            "du",
            &[options, &["-s", &exclude, &text(&store.root())]].concat(),
        );
        shown.split_whitespace().next().expect("a size").parse().expect("a number")
    };
    let entries = |folder: &Path| fs::read_dir(folder).map_or(0, Iterator::count);
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("what children used");
    Size {
        inodes: tool(&["--inodes"]),
        bytes: tool(&["-B1"]),
        logs: entries(&store.root().join("logs")),
        memory: u64::try_from(usage.max_rss()).expect("a size"),
        groups: entries(&store.root().join("groups")),
    }
}

#[test]
fn builds_in_a_loop_leave_no_more_than_one() {
    let builds = match std::env::var("LAPSTRAKE_LOOP") {
        Ok(number) => number.parse().expect("LAPSTRAKE_LOOP is a number"),
        Err(_) => BUILDS,
    };
    let store = Store::new();
    let context = Context::new("FROM busybox\nCOPY a /a\nRUN echo $((1 + 1)) > /b; sleep 100 &\n");
    context.write("a", "content\n");
    let mut settled = None;
    for number in 0..builds {
        // One in three is cached as a whole. From another time it would be another image.
        let cache: &[&str] = if number % 3 == 2 { &[] } else { &["--no-cache"] };
        let flags = [&["--build-arg", "SOURCE_DATE_EPOCH=1000000000"], cache].concat();
        store.build_with("many", context.path(), &flags);
        if number + 1 == SETTLED {
            settled = Some(measure(&store));
        }
    }
    let (before, after) = (settled.expect("enough builds"), measure(&store));
    assert!(is_flat(before.inodes, after.inodes), "files: {before:?}, {after:?}");
    assert!(is_flat(before.bytes, after.bytes), "bytes: {before:?}, {after:?}");
    assert!(is_flat(before.memory, after.memory), "memory: {before:?}, {after:?}");
    assert!(after.logs <= 100, "{} logs are kept", after.logs);
    assert_eq!((after.groups, mounts_anywhere(&store.root())), (0, Vec::new()));
    let busy = fs::read_dir(store.root().join("tmp")).expect("list tmp").count();
    assert_eq!(busy, 0, "work in progress is left");
}
