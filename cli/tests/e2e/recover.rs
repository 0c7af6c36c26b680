//! A database that is lost or damaged costs the cache and no image.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;

use crate::support::{Context, Store};

/// A page of the database, in bytes.
const PAGE: u64 = 4096;

/// A store with an image that has a layer of its base, and two that were built.
fn store() -> Store {
    let store = Store::new();
    let context = Context::new("FROM busybox\nRUN echo one > /one\nCOPY Dockerfile /two\n");
    store.build_with("app", context.path(), &[]);
    works(&store);
    store
}

/// Nothing that the image needs is taken for rubbish.
#[track_caller]
fn works(store: &Store) {
    store.ok(&["cache", "prune", "-a"]);
    assert_eq!(store.prints("app", &["sh", "-c", "cat /one; head -n 1 /two"]), "one\nFROM busybox");
    store.ok(&["save", "-o", &crate::support::text(&store.beside("app.tar")), "app"]);
}

fn database(store: &Store, ending: &str) -> std::path::PathBuf {
    store.root().join(format!("store.db{ending}"))
}

#[test]
fn images_outlive_the_database() {
    let store = store();
    for ending in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(database(&store, ending));
    }
    works(&store);
    assert!(!database(&store, ".bad").exists());
    fs::write(database(&store, ""), "this is no database").expect("write");
    works(&store);
    assert!(database(&store, ".bad").exists());
    // What was cached is made again.
    let context = Context::new("FROM busybox\nRUN echo one > /one\nCOPY Dockerfile /two\n");
    store.build_with("app", context.path(), &[]);
    works(&store);
}

/// `number` counts from 0.
fn spoil(path: &Path, number: u64) {
    let mut file = fs::File::options().write(true).open(path).expect("open the database");
    file.seek(SeekFrom::Start(number * PAGE)).expect("seek");
    file.write_all(&[0xa5; PAGE as usize]).expect("write");
}

#[test]
fn a_damaged_page_is_found_and_mended() {
    let store = store();
    let path = database(&store, "");
    let whole = fs::read(&path).expect("read");
    let pages = whole.len() as u64 / PAGE;
    let mut found = 0;
    for number in 1..pages {
        fs::write(&path, &whole).expect("write");
        spoil(&path, number);
        let answer = store.answer(&["cache", "verify"]);
        if answer.code == Some(0) {
            continue;
        }
        found += 1;
        answer.ends_with(1);
        let mended = store.answer(&["cache", "verify", "--repair"]).ends_with(0);
        assert!(mended.stdout.contains("store.db"), "page {number}: {}", mended.stdout);
        works(&store);
    }
    assert!(found * 2 > pages, "of {pages} pages {found} were found");
}

/// What cannot be opened is not damaged.
#[test]
fn a_database_that_cannot_be_opened_stays_where_it_is() {
    let store = store();
    let before = fs::read(database(&store, "")).expect("read");
    let starter = ["sh", "-euc", "ulimit -n 4; exec \"$@\"", "sh"];
    store.answer_behind(&starter, &["images"]).ends_with(1);
    let starter = ["sh", "-euc", "ulimit -f 0; trap '' XFSZ; exec \"$@\"", "sh"];
    store.answer_behind(&starter, &["images"]).ends_with(1);
    assert!(!database(&store, ".bad").exists());
    assert_eq!(fs::read(database(&store, "")).expect("read"), before);
    works(&store);
}
