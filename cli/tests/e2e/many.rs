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

/// Room is made for a tenth at a time, and how much memory is taken depends on which threads meet.
fn is_bounded(before: u64, after: u64) -> bool {
    after <= before + before.div_ceil(5)
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

fn builds() -> usize {
    match std::env::var("LAPSTRAKE_LOOP") {
        Ok(number) => number.parse().expect("LAPSTRAKE_LOOP is a number"),
        Err(_) => BUILDS,
    }
}

/// Rows of the database but those that remember what was evicted, and its size.
fn rows(store: &Store) -> (u64, u64) {
    const COUNT: &str = "import sqlite3, sys\nstore = sqlite3.connect(sys.argv[1])\n\
         tables = [t for t, in store.execute(\"SELECT name FROM sqlite_master WHERE type = 'table'\")]\n\
         print(sum(store.execute(f'SELECT count(*) FROM {t}').fetchone()[0] for t in tables if t != 'evicted'))\n";
    let place = store.root().join("store.db");
    let count = crate::support::tool("python3", &["-c", COUNT, &text(&place)]);
    let size = fs::metadata(place).expect("the database").len();
    (count.trim().parse().expect("a number"), size)
}

/// Each build comes to another image, which takes the name from the last: the store keeps to its size, and
/// pruned it is as after one build.
#[test]
fn builds_that_change_are_held_to_the_size() {
    const ROOM: u64 = 24_000_000;
    let store = Store::new();
    let context = Context::new("FROM busybox\nRUN head -c 1000000 /dev/urandom > /random\n");
    let flags = ["--no-cache", "--max-size", &ROOM.to_string()];
    let prune = || {
        store.ok(&["image", "prune", "-f"]);
        store.ok(&["cache", "prune"]);
        let (size, (rows, database)) = (measure(&store), rows(&store));
        // The database keeps the room that it once took.
        (size.inodes, size.bytes.saturating_sub(database), rows)
    };
    store.build_with("many", context.path(), &flags);
    let one = prune();
    let mut full = None;
    for number in 0..builds() {
        store.build_with("many", context.path(), &flags);
        if number == 30 {
            full = Some((measure(&store), rows(&store)));
        }
    }
    let (before, (rows_before, database_before)) = full.expect("enough builds");
    let (after, (rows_after, database_after)) = (measure(&store), rows(&store));
    assert!(before.bytes > ROOM / 2 && after.bytes <= ROOM + ROOM / 50, "{before:?}, {after:?}");
    assert!(is_bounded(before.inodes, after.inodes), "{before:?}, {after:?}");
    assert!(is_bounded(rows_before, rows_after), "rows: {rows_before}, {rows_after}");
    assert!(is_bounded(database_before, database_after), "{database_before}, {database_after}");
    assert!(is_bounded(before.memory, after.memory), "memory: {before:?}, {after:?}");
    assert_eq!((after.groups, mounts_anywhere(&store.root())), (0, Vec::new()));
    let left = prune();
    assert!(
        is_flat(one.0, left.0) && is_flat(one.1, left.1) && one.2 == left.2,
        "{one:?}, {left:?}"
    );
}

#[test]
fn builds_in_a_loop_leave_no_more_than_one() {
    let builds = builds();
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
    assert!(is_bounded(before.memory, after.memory), "memory: {before:?}, {after:?}");
    assert!(after.logs <= 100, "{} logs are kept", after.logs);
    assert_eq!((after.groups, mounts_anywhere(&store.root())), (0, Vec::new()));
    let busy = fs::read_dir(store.root().join("tmp")).expect("list tmp").count();
    assert_eq!(busy, 0, "work in progress is left");
}
