//! What the store promises, seen from outside and through what happens to its files.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lapstrake_cache::{ActionKey, Error, Record, Store};
use lapstrake_oci::Digest;
use lapstrake_rootfs::{ContentHash, Entry, LayerId, LayerManifest, Timestamp, TreePath};

/// `printf hello | sha256sum`
const HELLO: &str = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

fn open() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    (folder, store)
}

fn reopen(store: Store) -> Store {
    let root = store.root().to_owned();
    drop(store);
    Store::open(&root).unwrap()
}

fn key(name: &str) -> ActionKey {
    ActionKey(ContentHash::of(name.as_bytes()))
}

/// Commits a layer that holds one file.
fn commit(store: &Store, content: &str) -> LayerId {
    let staging = store.stage_layer().unwrap();
    fs::write(staging.fs().join("file"), content).unwrap();
    let root = Entry::directory(TreePath::root(), Timestamp::default());
    let kind = lapstrake_rootfs::Kind::File {
        size: content.len() as u64,
        content: ContentHash::of(content.as_bytes()),
    };
    let file = Entry { path: TreePath::from("file"), kind, mode: 0o644, ..root.clone() };
    let manifest = LayerManifest::new(vec![root, file]);
    let id = LayerId::Built(manifest.content_hash());
    store.commit_layer(staging, id, manifest).unwrap().id
}

fn entries(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn blobs_are_kept_under_their_sha256_and_verified() {
    let (_folder, store) = open();
    let hello: Digest = HELLO.parse().unwrap();
    assert_eq!(store.put_blob(b"hello").unwrap(), hello);
    assert!(store.has_blob(&hello, 5));
    assert!(!store.has_blob(&hello, 4));
    assert_eq!(store.read_blob(&hello, 100).unwrap().unwrap(), b"hello");
    assert!(matches!(store.read_blob(&hello, 4), Err(Error::BlobTooLarge { .. })));
    fs::write(store.blob_path(&hello), "jello").unwrap();
    assert!(matches!(store.read_blob(&hello, 100), Err(Error::BlobDamaged { .. })));
    // Writing it again mends it.
    store.put_blob(b"hello").unwrap();
    assert_eq!(store.read_blob(&hello, 100).unwrap().unwrap(), b"hello");
    assert_eq!(store.read_blob(&Digest::of(b"other"), 100).unwrap(), None);
}

#[test]
fn a_blob_with_other_bytes_than_promised_leaves_nothing() {
    let (_folder, store) = open();
    let hello: Digest = HELLO.parse().unwrap();
    for (bytes, size) in [(b"jello".as_slice(), 5), (b"hello", 4), (b"hello!", 5)] {
        let mut writer = store.blob_writer().unwrap();
        writer.write_all(bytes).unwrap();
        let error = writer.commit(&store, &hello, size).unwrap_err();
        assert!(matches!(error, Error::BlobMismatch { .. }), "{error}");
    }
    assert_eq!(entries(&store.root().join("blobs/sha256")), 0);
    let mut writer = store.blob_writer().unwrap();
    writer.write_all(b"hello").unwrap();
    assert_eq!(writer.commit_unknown(&store).unwrap(), (hello, 5));
}

#[test]
fn layers_and_records_outlive_the_process_and_a_lost_layer_is_a_miss() {
    let (_folder, store) = open();
    let layer = commit(&store, "one");
    let record = Record { layer, created: 7 };
    store.put_record(&key("step"), &record).unwrap();
    let store = reopen(store);
    assert_eq!(store.record(&key("step")).unwrap(), Some(record));
    assert_eq!(store.record(&key("other")).unwrap(), None);
    let found = store.layer(&layer).unwrap().unwrap();
    assert_eq!(fs::read(found.path.join("file")).unwrap(), b"one");
    assert_eq!(LayerId::Built(found.manifest.content_hash()), layer);
    // The work directory went, and so did the staging folder.
    assert!(!found.path.with_file_name("work").exists());
    assert_eq!(entries(&store.root().join("tmp")), 0);
}

#[test]
fn of_two_equal_layers_the_first_one_stays() {
    let (_folder, store) = open();
    let first = commit(&store, "same");
    let marker = store.layer_path(&first).join("marker");
    fs::write(&marker, "").unwrap();
    assert_eq!(commit(&store, "same"), first);
    assert!(marker.exists());
    assert_eq!(entries(&store.root().join("layers")), 1);
}

#[test]
fn a_layer_that_was_not_flushed_before_the_machine_stopped_is_absent() {
    let (_folder, store) = open();
    let flushed = commit(&store, "flushed");
    store.sync().unwrap();
    let lost = commit(&store, "lost");
    store.put_record(&key("lost"), &Record { layer: lost, created: 0 }).unwrap();
    let database = store.root().join("store.db");
    let store_root = store.root().to_owned();
    drop(store);
    // The same store under another boot.
    let connection = rusqlite::Connection::open(database).unwrap();
    connection.execute("UPDATE layer SET boot = 'another' WHERE boot IS NOT NULL", []).unwrap();
    drop(connection);
    let store = Store::open(&store_root).unwrap();
    assert!(store.has_layer(&flushed).unwrap());
    assert!(!store.has_layer(&lost).unwrap());
    assert_eq!(store.record(&key("lost")).unwrap(), None);
    // It can be made again, over what may be torn.
    assert_eq!(commit(&store, "lost"), lost);
    assert!(store.record(&key("lost")).unwrap().is_some());
}

#[test]
fn an_image_layer_is_found_by_the_diff_id_of_one_that_was_built_here() {
    let (_folder, store) = open();
    let built = commit(&store, "built");
    let diff_id = Digest::of(b"its tar");
    assert_eq!(store.locate(&LayerId::Image(diff_id)).unwrap(), None);
    store.put_diff_id(&built, &diff_id, 1024).unwrap();
    assert_eq!(store.locate(&LayerId::Image(diff_id)).unwrap(), Some(built));
    assert_eq!(store.diff_id(&built).unwrap(), Some((diff_id, 1024)));
}

#[test]
fn tags_are_in_the_index_too_and_come_back_from_it() {
    let (_folder, store) = open();
    let manifest = store.put_blob(b"{}").unwrap();
    assert_eq!(store.set_tag("docker.io/library/a:1", &manifest).unwrap(), None);
    assert_eq!(store.set_tag("docker.io/library/a:1", &manifest).unwrap(), Some(manifest));
    store.set_tag("docker.io/library/b:latest", &manifest).unwrap();
    let index: serde_json::Value =
        serde_json::from_slice(&fs::read(store.root().join("index.json")).unwrap()).unwrap();
    assert_eq!(index["manifests"][0]["digest"], manifest.to_string());
    assert_eq!(index["manifests"][0]["size"], 2);
    let root = store.root().to_owned();
    drop(store);
    // Damage is moved aside; it stops nothing.
    fs::write(root.join("store.db"), "this is no database, it is far too honest").unwrap();
    for suffix in ["-wal", "-shm"] {
        drop(fs::remove_file(root.join(format!("store.db{suffix}"))));
    }
    let store = Store::open(&root).unwrap();
    assert!(root.join("store.db.bad").exists());
    let names: Vec<String> = store.tags().unwrap().into_iter().map(|tag| tag.name).collect();
    assert_eq!(names, ["docker.io/library/a:1", "docker.io/library/b:latest"]);
    assert!(store.remove_tag("docker.io/library/a:1").unwrap());
    assert!(!store.remove_tag("docker.io/library/a:1").unwrap());
    assert_eq!(store.tag("docker.io/library/a:1").unwrap(), None);
}

#[test]
fn a_store_of_another_version_is_refused_in_one_line() {
    let (_folder, store) = open();
    let root = store.root().to_owned();
    drop(store);
    fs::write(root.join("version"), "99\n").unwrap();
    let error = Store::open(&root).unwrap_err().to_string();
    assert!(error.contains("version 99") && !error.contains('\n'), "{error}");
}

#[test]
fn folders_of_killed_processes_are_swept_and_those_in_use_are_not() {
    let (_folder, store) = open();
    let mine = store.temporary().unwrap();
    let left = store.root().join("tmp/left-by-a-killed-process");
    fs::create_dir_all(left.join("fs")).unwrap();
    let other = Store::open(store.root()).unwrap();
    assert!(!left.exists());
    assert!(mine.path().exists());
    let path = mine.path().to_owned();
    drop(mine);
    assert!(!path.exists());
    drop(other);
}

#[test]
fn locks_and_files_of_killed_processes_are_swept_and_those_in_use_are_not() {
    let (_folder, store) = open();
    store.fingerprint(b"secret").unwrap();
    store.set_tag("name", &HELLO.parse().unwrap()).unwrap();
    let listed = || names(&store.root().join("locks"));
    let lasting = listed();
    let held = store.lock_action(&key("held"), &|| false).unwrap();
    let left = ["locks/left".to_owned(), "tmp/left".to_owned()];
    let left = left.map(|name| store.root().join(name));
    for path in &left {
        fs::write(path, "").unwrap();
    }
    drop(Store::open(store.root()).unwrap());
    assert!(left.iter().all(|path| !path.exists()));
    let with_held = lasting.iter().cloned().chain([key("held").to_string()]).collect();
    assert_eq!(listed(), with_held);
    drop(held);
    assert_eq!(listed(), lasting);
}

#[test]
fn what_cannot_be_read_is_not_waited_for() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let (_folder, store) = open();
    for name in ["tmp/pipe", "leases/pipe", "locks/pipe"] {
        mknodat(CWD, store.root().join(name), FileType::Fifo, Mode::RWXU, 0).unwrap();
        drop(Store::open(store.root()).unwrap());
        assert!(!store.root().join(name).exists(), "{name}");
    }
}

#[test]
fn files_are_replaced_as_a_whole_and_nothing_is_beside_them() {
    let (_folder, store) = open();
    let store = &store;
    let put = |number: u8| {
        store.put_stat_index(Path::new("/a"), &vec![number; 1 << 16]).unwrap();
    };
    put(0);
    std::thread::scope(|scope| {
        // Openers sweep while others write.
        scope.spawn(|| (0..100).for_each(|_| drop(Store::open(store.root()).unwrap())));
        for number in 1..4 {
            scope.spawn(move || (0..100).for_each(|_| put(number)));
        }
        for _ in 0..100 {
            let found = store.stat_index(Path::new("/a")).unwrap();
            assert!(found.len() == 1 << 16 && found.iter().all(|byte| *byte == found[0]));
        }
    });
    assert_eq!(entries(&store.root().join("stat")), 1);
    assert_eq!(entries(&store.root().join("tmp")), 0);
}

#[test]
fn one_holder_at_a_time_has_the_lock_of_a_key() {
    let (_folder, store) = open();
    let (inside, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let _lock = store.lock_action(&key("k"), &|| false).unwrap();
                    most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(1));
                    inside.fetch_sub(1, Ordering::SeqCst);
                }
            });
        }
    });
    assert_eq!(most.into_inner(), 1);
    // A waiter can give up, and no lock file stays.
    let held = store.lock_action(&key("k"), &|| false).unwrap();
    assert!(matches!(store.lock_action(&key("k"), &|| true), Err(Error::Cancelled)));
    drop(held);
    assert!(!store.root().join("locks").join(key("k").to_string()).exists());
}

#[test]
fn whoever_makes_a_layer_that_another_makes_as_well_can_read_it() {
    let (_folder, first) = open();
    let stores: Vec<_> = (0..4).map(|_| Store::open(first.root()).unwrap()).collect();
    let start = std::sync::Barrier::new(stores.len());
    std::thread::scope(|scope| {
        for store in &stores {
            scope.spawn(|| {
                for round in 0..50 {
                    let content = round.to_string();
                    start.wait();
                    let id = commit(store, &content);
                    let layer = store.layer(&id).unwrap().unwrap();
                    assert_eq!(fs::read_to_string(layer.path.join("file")).unwrap(), content);
                }
            });
        }
    });
}

#[test]
fn stat_indexes_are_kept_for_each_context() {
    let (_folder, store) = open();
    store.put_stat_index(Path::new("/a"), b"index of a").unwrap();
    assert_eq!(store.stat_index(Path::new("/a")).unwrap(), b"index of a");
    assert_eq!(store.stat_index(Path::new("/b")), None);
}

#[test]
fn only_the_owner_can_look_into_the_store() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_folder, store) = open();
    assert_eq!(fs::metadata(store.root()).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn what_somebody_uses_is_not_removed() {
    let (_folder, store) = open();
    let (used, layer) = (commit(&store, "used"), commit(&store, "one"));
    let (used_blob, blob) = (store.put_blob(b"used").unwrap(), store.put_blob(b"hello").unwrap());
    let other = Store::open(store.root()).unwrap();
    let lease = other.lease().unwrap();
    assert!(other.removal().unwrap().is_none(), "it would wait for itself");
    assert!(other.has_layer(&used).unwrap());
    assert!(other.open_blob(&used_blob).unwrap().is_some());
    let removal = store.removal().unwrap().unwrap();
    for _ in 0..2 {
        assert!(removal.layer(&layer).unwrap());
        assert!(removal.blob(&blob).unwrap());
        assert!(!removal.layer(&used).unwrap());
        assert!(!removal.blob(&used_blob).unwrap());
    }
    assert_eq!((removal.is_used(&used_blob), removal.is_used(&blob)), (true, false));
    drop(removal);
    assert!(store.has_layer(&used).unwrap());
    assert_eq!(store.blobs().unwrap(), [(used_blob, 4)]);
    drop(lease);
    let removal = store.removal().unwrap().unwrap();
    assert!(removal.layer(&used).unwrap());
    assert!(removal.blob(&used_blob).unwrap());
    drop(removal);
    assert!(!store.has_layer(&layer).unwrap());
    assert_eq!(store.layer_size(&layer).unwrap(), None);
    for folder in ["layers", "blobs/sha256", "tmp"] {
        assert_eq!(entries(&store.root().join(folder)), 0, "{folder}");
    }
    drop(other.lease().unwrap());
}

#[test]
fn a_blob_that_a_killed_process_was_writing_is_swept() {
    let (_folder, store) = open();
    let mut writer = store.blob_writer().unwrap();
    writer.write_all(b"hel").unwrap();
    // What is in use stays; its folder is what a killed process leaves.
    drop(Store::open(store.root()).unwrap());
    assert_eq!(entries(&store.root().join("tmp")), 1);
    assert_eq!(entries(&store.root().join("blobs/sha256")), 0);
    writer.write_all(b"lo").unwrap();
    assert_eq!(writer.written(), (HELLO.parse().unwrap(), 5));
    let (digest, _) = writer.commit_unknown(&store).unwrap();
    assert!(store.has_blob(&digest, 5));
    assert_eq!(entries(&store.root().join("tmp")), 0);
}

#[test]
fn a_file_that_was_hashed_while_it_was_written_becomes_a_blob() {
    let (_folder, store) = open();
    let folder = store.temporary().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "hello").unwrap();
    store.adopt_blob(&file, &HELLO.parse().unwrap()).unwrap();
    assert!(!file.exists());
    assert_eq!(store.read_blob(&HELLO.parse().unwrap(), 5).unwrap().unwrap(), b"hello");
}
