//! What keys were made of: how long it is kept, and by what it is found.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use lapstrake_cache::{Account, ActionKey, Record, StepId, StepIds, Store};
use lapstrake_rootfs::{ContentHash, Entry, LayerId, LayerManifest, Timestamp, TreePath};

fn hash(name: &str) -> ContentHash {
    ContentHash::of(name.as_bytes())
}

fn key(name: &str) -> ActionKey {
    ActionKey(hash(&format!("key of {name}")))
}

fn ids(project: &str, place: &str) -> StepIds {
    StepIds {
        step: StepId(hash(&format!("step of {project}"))),
        place: StepId(hash(place)),
        anywhere: StepId(hash("anywhere")),
    }
}

/// A step that came to this layer, found by two keys.
fn execute(store: &Store, name: &str, ids: &StepIds, files: usize) {
    let staging = store.stage_layer().unwrap();
    let root = Entry::directory(TreePath::root(), Timestamp::default());
    let layer = LayerId::Built(hash(name));
    store.commit_layer(staging, layer, LayerManifest::new(vec![root])).unwrap();
    let record = Record { layer, created: 7 };
    for key in [key(name), key(&format!("second {name}"))] {
        store.put_record(&key, &record).unwrap();
    }
    keep(store, name, ids, files);
}

fn keep(store: &Store, name: &str, ids: &StepIds, files: usize) {
    let account = Account { key: key(name), parts: name.as_bytes().to_vec() };
    store.put_account(ids, &account, &vec![1; files], Some("f changed")).unwrap();
}

/// A build that finds the step by this key and nothing else.
fn find(store: &Store, name: &str, ids: &StepIds) {
    assert!(store.record(&key(name)).unwrap().is_some());
    store.note_uses(&|| vec![(key(name), *ids)]).unwrap();
}

fn in_use(store: &Store, step: &StepId) -> Vec<String> {
    let accounts = store.accounts_in_use(step, 64).unwrap().into_iter();
    accounts.map(|account| String::from_utf8(account.parts).unwrap()).collect()
}

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    (folder, store)
}

#[test]
fn an_account_stays_as_long_as_its_record() {
    let (_folder, store) = store();
    let ids = ids("project", "place");
    let names: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    for name in &names {
        execute(&store, name, &ids, 10);
        keep(&store, &format!("lost {name}"), &ids, 10);
    }
    let known = in_use(&store, &ids.step);
    assert_eq!(known.len(), 24, "{known:?}");
    assert_eq!(known[..20], names.iter().rev().cloned().collect::<Vec<_>>());
    assert_eq!(known[20..], ["lost 19", "lost 18", "lost 17", "lost 16"]);
    assert_eq!(store.accounts_in_use(&ids.step, 3).unwrap().len(), 3);
}

#[test]
fn what_is_found_is_used_by_all_its_keys() {
    let (_folder, store) = store();
    let ids = ids("project", "place");
    for name in ["1", "2", "3"] {
        execute(&store, name, &ids, 10);
    }
    find(&store, "second 1", &ids);
    assert_eq!(in_use(&store, &ids.step), ["1", "3", "2"]);
}

/// Of long lists those that were used last are kept.
#[test]
fn lists_of_files_are_kept_up_to_some_size() {
    let (_folder, store) = store();
    let ids = ids("project", "place");
    const LONG: usize = 3 << 20;
    for name in ["1", "2", "3"] {
        execute(&store, name, &ids, LONG);
        find(&store, "1", &ids);
    }
    let kept = |name: &str| store.account_files(&key(name)).unwrap().unwrap().len();
    assert_eq!(["1", "2", "3"].map(kept), [LONG, 0, LONG]);
    execute(&store, "4", &ids, 9 << 20);
    assert_eq!(["1", "2", "3", "4"].map(kept), [0, 0, 0, 9 << 20]);
    assert_eq!(in_use(&store, &ids.step), ["4", "1", "3", "2"]);
}

#[test]
fn what_another_project_executed_becomes_the_past_of_who_finds_it() {
    let (_folder, store) = store();
    let (own, other) = (ids("own", "own place"), ids("other", "other place"));
    execute(&store, "1", &other, 10);
    assert_eq!(in_use(&store, &own.anywhere), ["1"]);
    assert!(in_use(&store, &own.step).is_empty());
    execute(&store, "elsewhere", &ids("third", "third"), 0);
    find(&store, "second 1", &own);
    assert_eq!(in_use(&store, &own.step), ["1"]);
    assert_eq!(store.step_at(&own.place).unwrap(), Some(own.step));
}

#[test]
fn what_is_found_again_takes_its_place_again() {
    let (_folder, store) = store();
    let (one, two) = (ids("one", "place"), ids("two", "place"));
    execute(&store, "1", &one, 0);
    execute(&store, "2", &two, 0);
    assert_eq!(store.step_at(&one.place).unwrap(), Some(two.step));
    find(&store, "1", &one);
    assert_eq!(store.step_at(&one.place).unwrap(), Some(one.step));
    // Nothing is written, and not even asked for, when it was the last that was used.
    store.record(&key("1")).unwrap();
    store.note_uses(&|| panic!("nothing is due")).unwrap();
    // Whoever finds it has it there.
    execute(&store, "3", &ids("three", "elsewhere"), 0);
    find(&store, "1", &ids("four", "place"));
    assert_eq!(store.step_at(&one.place).unwrap(), Some(ids("four", "place").step));
}
