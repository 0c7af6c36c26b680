//! What a removal takes, and what it leaves alone.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use lapstrake_cache::{
    Account, ActionKey, CacheRequest, Error, Goal, Holding, HoldingKind, Needed, Prune, Record,
    Sharing, StepId, StepIds, Store,
};
use lapstrake_oci::Digest;
use lapstrake_rootfs::{ContentHash, Entry, LayerId, LayerManifest, Timestamp, TreePath};

const HOUR: i64 = 3_600_000_000_000;

fn now() -> i64 {
    lapstrake_cache::nanoseconds(std::time::SystemTime::now())
}

fn hash(name: &str) -> ContentHash {
    ContentHash::of(name.as_bytes())
}

fn id(name: &str) -> LayerId {
    LayerId::Built(hash(name))
}

/// Keeps a layer with a file of this size and a record of it, made so many hours ago.
fn make(store: &Store, name: &str, below: Option<&str>, size: usize, hours: i64) -> ActionKey {
    let staging = store.stage_layer().unwrap();
    fs::write(staging.fs().join("file"), vec![1; size]).unwrap();
    let root = Entry::directory(TreePath::root(), Timestamp::default());
    let layer = store.commit_layer(staging, id(name), LayerManifest::new(vec![root])).unwrap().id;
    let key = ActionKey(hash(&format!("key of {name}")));
    let created = now() - hours * HOUR;
    store.put_record(&key, &Record { layer, created }).unwrap();
    let database = rusqlite::Connection::open(store.root().join("store.db")).unwrap();
    let rows =
        database.execute("UPDATE origin SET used = ?1 WHERE key = ?2", (created, key.0.as_bytes()));
    assert_eq!(rows.unwrap(), 1);
    let step = StepId(hash(&format!("step of {name}")));
    let below = below.map(id);
    store.put_origin(&key, below.as_ref(), Some((&step, name, "project"))).unwrap();
    let account = Account { key, parts: vec![1] };
    let (place, anywhere) = (format!("place of {name}"), format!("{name} anywhere"));
    let ids = StepIds { step, place: StepId(hash(&place)), anywhere: StepId(hash(&anywhere)) };
    store.put_account(&ids, &account, &[], None).unwrap();
    key
}

fn prune_of(wanted: &dyn Fn(&Holding) -> bool) -> Prune<'_> {
    Prune { goal: Goal::Keep(0), unused_for: Duration::ZERO, all: false, wanted, dry_run: false }
}

/// Prunes with another value, as another process would; the steps of what went, in their order.
fn pruned(store: &Store, prune: &Prune<'_>, needed: &Needed) -> Vec<String> {
    let other = Store::open(store.root()).unwrap();
    let gone = other.prune(prune, &|| Ok::<_, Error>(needed.clone())).unwrap();
    let gone = gone.into_iter().filter(|holding| holding.kind == HoldingKind::Layer);
    gone.map(|holding| holding.description).collect()
}

fn folders(store: &Store, folder: &str) -> usize {
    fs::read_dir(store.root().join(folder)).unwrap().count()
}

#[test]
fn what_goes_is_forgotten_and_its_eviction_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    let key = make(&store, "a", None, 10, 1);
    let (step, place) = (StepId(hash("step of a")), StepId(hash("place of a")));
    store.put_previous(&step, &id("a")).unwrap();
    assert_eq!(store.step_at(&place).unwrap(), Some(step));
    let before = now();

    let dry = Prune { dry_run: true, ..prune_of(&|_| true) };
    assert_eq!(pruned(&store, &dry, &Needed::default()), ["a"]);
    assert!(store.record(&key).unwrap().is_some());
    assert_eq!(pruned(&store, &prune_of(&|_| true), &Needed::default()), ["a"]);

    assert_eq!(store.record(&key).unwrap(), None);
    assert!(store.origins().unwrap().is_empty());
    assert_eq!((folders(&store, "layers"), folders(&store, "tmp")), (0, 0));
    assert!(store.accounts(&step).unwrap().is_empty());
    let anywhere = StepId(hash("a anywhere"));
    assert!(store.accounts_in_use(&anywhere, 9).unwrap().is_empty());
    assert_eq!((store.step_at(&place).unwrap(), store.previous(&step).unwrap()), (None, None));
    for time in [store.evicted(&key).unwrap(), store.evicted_step(&step).unwrap()] {
        assert!((before..=now()).contains(&time.unwrap()));
    }
    make(&store, "a", None, 10, 0);
    assert_eq!(store.evicted(&key).unwrap(), None);
    assert!(store.record(&key).unwrap().is_some());
}

#[test]
fn the_least_recently_used_goes_first_and_only_as_much_as_needed() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    let old = make(&store, "old", None, 400_000, 9);
    make(&store, "middle", None, 400_000, 5);
    make(&store, "new", None, 400_000, 1);
    // A look-up is a use.
    assert!(store.record(&old).unwrap().is_some());
    store.note_uses(&Vec::new).unwrap();
    let half = Prune { goal: Goal::Keep(1_000_000), ..prune_of(&|_| true) };
    assert_eq!(pruned(&store, &half, &Needed::default()), ["middle"]);
    let aged = Prune { unused_for: Duration::from_secs(1800), ..prune_of(&|_| true) };
    assert_eq!(pruned(&store, &aged, &Needed::default()), ["new"]);
    assert_eq!(pruned(&store, &prune_of(&|_| true), &Needed::default()), ["old"]);
}

#[test]
fn what_something_stands_on_stays_with_it_and_goes_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    make(&store, "lowest", None, 10, 9);
    make(&store, "middle", Some("lowest"), 10, 8);
    make(&store, "top", Some("middle"), 10, 1);
    make(&store, "aside", Some("lowest"), 10, 7);
    let aged = Prune { unused_for: Duration::from_secs(2 * 3600), ..prune_of(&|_| true) };
    assert_eq!(pruned(&store, &aged, &Needed::default()), ["aside"]);
    let not_top = |holding: &Holding| holding.description != "top";
    assert!(pruned(&store, &prune_of(&not_top), &Needed::default()).is_empty());
    let all = pruned(&store, &prune_of(&|_| true), &Needed::default());
    assert_eq!(all, ["top", "middle", "lowest"]);
}

#[test]
fn what_an_image_needs_stays_and_with_all_its_record_goes() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    let key = make(&store, "a", None, 10, 9);
    let diff_id = Digest::of(b"the tar");
    store.put_diff_id(&id("a"), &diff_id, 7).unwrap();
    let kept = store.put_blob(b"needed").unwrap();
    let lost = store.put_blob(b"not needed").unwrap();
    store.put_note(&hash("source"), b"note").unwrap();
    let needed = Needed { layers: [LayerId::Image(diff_id)].into(), blobs: [kept].into() };

    assert!(pruned(&store, &prune_of(&|_| true), &needed).is_empty());
    assert!(store.record(&key).unwrap().is_some());
    assert!(store.has_blob(&kept, 6) && !store.has_blob(&lost, 10));
    assert!(store.note(&hash("source")).is_some());

    let all = Prune { all: true, ..prune_of(&|_| true) };
    assert!(pruned(&store, &all, &needed).is_empty());
    assert_eq!(store.record(&key).unwrap(), None);
    assert!(store.evicted(&key).unwrap().is_some());
    assert!(store.has_layer(&LayerId::Image(diff_id)).unwrap());
    assert_eq!(store.note(&hash("source")), None);
}

#[test]
fn what_a_process_found_or_made_stays_as_long_as_it_has_a_lease() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    let found = make(&store, "found", None, 10, 9);
    make(&store, "other", None, 10, 9);
    let lease = store.lease().unwrap();
    assert!(store.record(&found).unwrap().is_some());
    make(&store, "made", None, 10, 8);
    let blob = store.put_blob(b"made").unwrap();
    let other = store.blob_writer().unwrap();

    assert_eq!(pruned(&store, &prune_of(&|_| true), &Needed::default()), ["other"]);
    assert!(store.has_blob(&blob, 4));
    assert!(store.has_layer(&id("found")).unwrap() && store.has_layer(&id("made")).unwrap());

    drop((lease, other));
    assert_eq!(folders(&store, "leases"), 0);
    assert_eq!(pruned(&store, &prune_of(&|_| true), &Needed::default()), ["found", "made"]);
    assert!(!store.has_blob(&blob, 4));
}

#[test]
fn the_note_of_a_killed_process_holds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    make(&store, "a", None, 10, 9);
    fs::create_dir_all(store.root().join("leases")).unwrap();
    fs::write(store.root().join("leases/dead"), format!("{}\n", id("a"))).unwrap();
    assert_eq!(pruned(&store, &prune_of(&|_| true), &Needed::default()), ["a"]);
    assert_eq!(folders(&store, "leases"), 0);
}

/// Of a process that was killed; that of one that lives stays.
#[test]
fn the_next_command_removes_leases_of_ended_processes() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    let lease = store.lease().unwrap();
    fs::write(store.root().join("leases/dead"), "sha256:0\n").unwrap();
    assert_eq!(folders(&store, "leases"), 2);
    drop(Store::open(store.root()).unwrap());
    assert_eq!(folders(&store, "leases"), 1);
    assert!(!store.root().join("leases/dead").exists());
    drop(lease);
}

#[test]
fn the_next_command_ends_a_removal_that_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    make(&store, "kept", None, 10, 9);
    let lost = store.root().join("layers").join(id("lost").to_string());
    fs::create_dir_all(lost.join("fs")).unwrap();
    fs::write(store.root().join("doomed"), format!("{}\n{}\n../x", id("kept"), id("lost")))
        .unwrap();
    let store = Store::open(store.root()).unwrap();
    assert!(!lost.exists() && !store.root().join("doomed").exists());
    assert!(store.has_layer(&id("kept")).unwrap());
    assert_eq!((folders(&store, "layers"), folders(&store, "tmp")), (1, 0));
}

#[test]
fn a_cache_goes_unless_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    let fill = |folder: &Path| {
        fs::create_dir(folder.join("data")).unwrap();
        Ok::<_, Error>(())
    };
    let key = hash("cache");
    let (sharing, about) = (Sharing::Locked, "about\n");
    let request = CacheRequest { key: &key, sharing, about, step: "" };
    let take = || store.cache_folder(&request, &|| false, fill).unwrap();
    let used = take();
    pruned(&store, &prune_of(&|_| true), &Needed::default());
    assert!(used.data().exists());
    let data = used.data();
    drop(used);
    pruned(&store, &prune_of(&|_| true), &Needed::default());
    assert!(!data.exists());
    assert!(take().data().exists());
}

/// By another process, which was killed after this one had opened the store.
#[test]
fn what_a_killed_removal_announced_goes_with_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    make(&store, "a", None, 10, 1);
    make(&store, "b", None, 10, 1);
    let other = Store::open(store.root()).unwrap();
    let database = rusqlite::Connection::open(store.root().join("store.db")).unwrap();
    let name = id("b").to_string();
    assert_eq!(database.execute("DELETE FROM layer WHERE id = ?1", [&name]).unwrap(), 1);
    fs::write(store.root().join("doomed"), &name).unwrap();
    let is_a = |holding: &Holding| holding.description == "a";
    other.prune(&prune_of(&is_a), &|| Ok::<_, Error>(Needed::default())).unwrap();
    assert_eq!(folders(&store, "layers"), 0);
    assert!(!store.root().join("doomed").exists());
}
