//! Stores that another version of this program wrote.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use lapstrake_cache::{ActionKey, Error, Record, Store};
use lapstrake_oci::Digest;
use lapstrake_rootfs::{ContentHash, Entry, LayerId, LayerManifest, Timestamp, TreePath};

/// What each version of the database had and the one before had not, as the program of that time made
/// it.
const VERSIONS: [&str; 6] = [
    "CREATE TABLE tag (
         name TEXT PRIMARY KEY, manifest BLOB NOT NULL, updated INTEGER NOT NULL
     ) WITHOUT ROWID;
     CREATE TABLE record (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
     CREATE TABLE layer (
         id TEXT PRIMARY KEY, size INTEGER NOT NULL, boot TEXT, diff_id BLOB, tar_size INTEGER
     ) WITHOUT ROWID;
     CREATE INDEX layer_diff_id ON layer (diff_id);",
    "CREATE TABLE previous (step BLOB PRIMARY KEY, layer BLOB NOT NULL) WITHOUT ROWID;
     CREATE INDEX layer_boot ON layer (boot) WHERE boot IS NOT NULL;",
    "CREATE TABLE packed (
         diff_id BLOB NOT NULL, packing TEXT NOT NULL, digest BLOB NOT NULL, size INTEGER NOT NULL,
         PRIMARY KEY (diff_id, packing)
     ) WITHOUT ROWID;
     CREATE TABLE place (
         digest BLOB NOT NULL, repository TEXT NOT NULL, PRIMARY KEY (digest, repository)
     ) WITHOUT ROWID;
     CREATE TABLE account (
         step BLOB NOT NULL, key BLOB NOT NULL, number INTEGER NOT NULL, parts BLOB NOT NULL,
         files BLOB NOT NULL, PRIMARY KEY (step, key)
     );
     CREATE TABLE place_step (place BLOB PRIMARY KEY, step BLOB NOT NULL) WITHOUT ROWID;",
    "CREATE TABLE origin (
         key BLOB PRIMARY KEY, used INTEGER NOT NULL, below TEXT, step BLOB, name TEXT, project TEXT
     ) WITHOUT ROWID;
     CREATE TABLE evicted (key BLOB PRIMARY KEY, time INTEGER NOT NULL, step BLOB) WITHOUT ROWID;
     CREATE INDEX origin_used ON origin (used);
     CREATE INDEX evicted_step ON evicted (step) WHERE step IS NOT NULL;",
    "CREATE TABLE took (key BLOB PRIMARY KEY, milliseconds INTEGER NOT NULL) WITHOUT ROWID;",
    "CREATE TABLE alike (
         step BLOB NOT NULL, key BLOB NOT NULL, PRIMARY KEY (step, key)
     ) WITHOUT ROWID;
     CREATE INDEX account_key ON account (key);
     CREATE INDEX record_value ON record (value);",
];

fn layer() -> LayerId {
    LayerId::Built(ContentHash::of(b"a layer"))
}

fn key() -> ActionKey {
    ActionKey(ContentHash::of(b"a key"))
}

fn record() -> Record {
    Record { layer: layer(), created: 7 }
}

/// A store as the program of that version left it: one layer, the record that leads to it, one tag.
fn earlier(root: &Path, version: usize) {
    // The first programs made no other folders.
    for name in ["blobs/sha256", "layers", "stat", "locks", "tmp"] {
        fs::create_dir_all(root.join(name)).unwrap();
    }
    fs::write(root.join("version"), "1\n").unwrap();
    fs::write(root.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    let folder = root.join("layers").join(layer().to_string());
    fs::create_dir_all(folder.join("fs")).unwrap();
    fs::write(folder.join("fs/file"), "kept").unwrap();
    let time = Timestamp { seconds: 5, nanoseconds: 0 };
    let manifest = LayerManifest::new(vec![Entry::directory(TreePath::root(), time)]);
    fs::write(folder.join("manifest"), manifest.encode().unwrap()).unwrap();
    let database = rusqlite::Connection::open(root.join("store.db")).unwrap();
    database.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).unwrap();
    for tables in VERSIONS.iter().take(version) {
        database.execute_batch(tables).unwrap();
    }
    database.execute_batch(&format!("PRAGMA user_version = {version}")).unwrap();
    let insert = "INSERT INTO layer (id, size, boot) VALUES (?1, 4, NULL)";
    database.execute(insert, [layer().to_string()]).unwrap();
    let value = postcard::to_allocvec(&record()).unwrap();
    let row = (key().0.as_bytes().to_vec(), value);
    database.execute("INSERT INTO record VALUES (?1, ?2)", row).unwrap();
    let row = ("docker.io/library/a:1", Digest::of(b"{}").as_bytes().to_vec());
    database.execute("INSERT INTO tag VALUES (?1, ?2, 0)", row).unwrap();
}

fn bad(root: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|ending| ending == "bad")).collect()
}

#[test]
fn a_store_of_every_earlier_version_is_used_as_it_is() {
    for version in 1..=VERSIONS.len() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("store");
        earlier(&root, version);
        for _ in 0..2 {
            let store = Store::open(&root).unwrap();
            assert_eq!(store.record(&key()).unwrap(), Some(record()), "version {version}");
            let found = store.layer(&layer()).unwrap().unwrap();
            assert_eq!(fs::read(found.path.join("file")).unwrap(), b"kept");
            let tags = store.tags().unwrap();
            assert_eq!(tags.first().map(|tag| tag.manifest), Some(Digest::of(b"{}")));
            assert_eq!(tags.len(), 1);
            // What came later works in it.
            store.note_uses(&Vec::new).unwrap();
            assert_eq!(store.origins().unwrap().len(), 1);
            assert!(store.accounts(&lapstrake_cache::StepId(key().0)).unwrap().is_empty());
            store.put_note(&key().0, b"a note").unwrap();
            assert!(store.cache_mounts().unwrap().is_empty());
            assert!(store.stubs().join("etc/hosts").is_file());
            store.usage(&lapstrake_cache::Needed::default()).unwrap();
        }
        assert_eq!(bad(&root), [""; 0].map(PathBuf::from), "version {version}");
    }
}

#[test]
fn a_store_of_a_later_version_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    drop(Store::open(&root).unwrap());
    let path = root.join("store.db");
    let database = rusqlite::Connection::open(&path).unwrap();
    database.execute_batch("PRAGMA user_version = 99; CREATE TABLE new (a)").unwrap();
    drop(database);
    let error = Store::open(&root).unwrap_err();
    assert!(matches!(error, Error::Newer { found: 99, .. }), "{error}");
    assert!(!error.to_string().contains('\n'));
    let database = rusqlite::Connection::open(&path).unwrap();
    let count = "SELECT COUNT(*) FROM sqlite_schema WHERE name IN ('new', 'record')";
    assert_eq!(database.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap(), 2);
    assert_eq!(bad(&root), [""; 0].map(PathBuf::from));

    database.execute_batch("PRAGMA user_version = -3").unwrap();
    drop(database);
    drop(Store::open(&root).unwrap());
    assert_eq!(bad(&root), [path.with_extension("db.bad")], "no program writes that");
}

#[test]
fn a_store_whose_making_was_cut_off_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    drop(Store::open(&root).unwrap());
    fs::write(root.join("version"), "").unwrap();
    drop(Store::open(&root).unwrap());
    assert_eq!(fs::read_to_string(root.join("version")).unwrap(), "1\n");
}

/// It stays an image layout for other programs, and its tags survive the loss of the database.
#[test]
fn what_makes_a_layout_of_the_store_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    let files = ["index.json", "oci-layout"].map(|name| root.join(name));
    let store = Store::open(&root).unwrap();
    let manifest = store.put_blob(b"{}").unwrap();
    store.set_tag("example.org/app:1", &manifest).unwrap();
    drop(store);
    let before = files.each_ref().map(|file| fs::read(file).unwrap());
    files.iter().for_each(|file| fs::remove_file(file).unwrap());
    drop(Store::open(&root).unwrap());
    assert_eq!(files.each_ref().map(|file| fs::read(file).unwrap()), before);
    fs::write(&files[1], "junk").unwrap();
    drop(Store::open(&root).unwrap());
    assert_eq!(files.map(|file| fs::read(file).unwrap()), before);
    fs::remove_file(root.join("store.db")).unwrap();
    let found = Store::open(&root).unwrap().tag("example.org/app:1").unwrap();
    assert_eq!(found.map(|tag| tag.manifest), Some(manifest));
}
