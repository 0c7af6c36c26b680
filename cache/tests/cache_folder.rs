//! Cache folders: who may use one at a time, in one process and in several.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lapstrake_cache::{CacheFolder, CacheRequest, Error, Sharing, Store};
use lapstrake_rootfs::ContentHash;

fn open() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    (folder, store)
}

fn key(name: &str) -> ContentHash {
    ContentHash::of(name.as_bytes())
}

fn empty(folder: &Path) -> Result<(), Error> {
    fs::create_dir(folder.join("data")).unwrap();
    Ok(())
}

fn request<'a>(name: &'a str, key: &'a ContentHash, sharing: Sharing) -> CacheRequest<'a> {
    CacheRequest { key, sharing, about: name, step: "[2/2] RUN make" }
}

fn take(store: &Store, name: &str, sharing: Sharing) -> CacheFolder {
    store.cache_folder(&request(name, &key(name), sharing), &|| false, empty).unwrap()
}

/// `None` when it would have to wait.
fn try_take(store: &Store, name: &str, sharing: Sharing) -> Option<CacheFolder> {
    match store.cache_folder(&request(name, &key(name), sharing), &|| true, empty) {
        Err(Error::Cancelled) => None,
        result => Some(result.unwrap()),
    }
}

#[test]
fn what_is_left_in_a_folder_is_there_next_time() {
    let (_folder, store) = open();
    for sharing in [Sharing::Shared, Sharing::Private, Sharing::Locked] {
        let first = take(&store, "a", sharing);
        fs::write(first.data().join(format!("{sharing:?}")), "x").unwrap();
        drop(first);
    }
    assert_eq!(fs::read_dir(take(&store, "a", Sharing::Shared).data()).unwrap().count(), 3);
    assert_eq!(fs::read_dir(take(&store, "b", Sharing::Shared).data()).unwrap().count(), 0);
    let about = take(&store, "a", Sharing::Shared).data().with_file_name("about");
    assert_eq!(fs::read_to_string(about).unwrap(), "a");
    assert_eq!(fs::read_dir(store.root().join("tmp")).unwrap().count(), 0);
}

#[test]
fn who_may_be_there_at_the_same_time() {
    use Sharing::{Locked, Private, Shared};
    let (_folder, store) = open();
    drop(take(&store, "a", Shared));
    // The first one has it; what does the second one get: the same, another one, or nothing yet?
    for (first, second, gets) in [
        (Shared, Shared, Some(true)),
        (Shared, Private, Some(false)),
        (Shared, Locked, None),
        (Private, Shared, None),
        (Private, Private, Some(false)),
        (Private, Locked, None),
        (Locked, Shared, None),
        (Locked, Private, Some(false)),
        (Locked, Locked, None),
    ] {
        let held = take(&store, "a", first);
        let found = try_take(&store, "a", second).map(|found| found.data() == held.data());
        assert_eq!(found, gets, "{first:?}, then {second:?}");
    }
}

#[test]
fn another_process_counts_like_another_thread() {
    let (_folder, store) = open();
    let other = Store::open(store.root()).unwrap();
    let held = take(&store, "a", Sharing::Locked);
    assert!(try_take(&other, "a", Sharing::Locked).is_none());
    drop(held);
    assert!(try_take(&other, "a", Sharing::Locked).is_some());
}

#[test]
fn a_folder_is_filled_once_whoever_comes_first() {
    let (_folder, store) = open();
    let filled = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let fill = |folder: &Path| {
                    filled.fetch_add(1, Ordering::Relaxed);
                    fs::create_dir(folder.join("data")).unwrap();
                    std::thread::sleep(Duration::from_millis(20));
                    fs::write(folder.join("data/seed"), "seed").unwrap();
                    Ok::<_, Error>(())
                };
                let shared =
                    store.cache_folder(&request("a", &key("a"), Sharing::Shared), &|| false, fill);
                assert_eq!(fs::read(shared.unwrap().data().join("seed")).unwrap(), b"seed");
            });
        }
    });
    assert_eq!(filled.into_inner(), 1);
}

#[test]
fn a_folder_that_cannot_be_filled_is_filled_by_the_next_one() {
    let (_folder, store) = open();
    let fill = |folder: &Path| {
        fs::create_dir(folder.join("data")).unwrap();
        Err(Error::Cancelled)
    };
    let result = store.cache_folder(&request("a", &key("a"), Sharing::Shared), &|| false, fill);
    assert!(matches!(result, Err(Error::Cancelled)));
    assert_eq!(fs::read_dir(take(&store, "a", Sharing::Locked).data()).unwrap().count(), 0);
}

#[test]
fn the_lock_knows_the_last_use() {
    let (_folder, store) = open();
    let lock = take(&store, "a", Sharing::Shared).data().with_file_name("lock");
    let past = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    fs::File::options().write(true).open(&lock).unwrap().set_modified(past).unwrap();
    drop(take(&store, "a", Sharing::Shared));
    assert!(fs::metadata(&lock).unwrap().modified().unwrap() > past);
}

#[test]
fn mounts_say_who_used_them_and_go_unless_they_are_used() {
    let (_folder, store) = open();
    let held = take(&store, "b", Sharing::Locked);
    drop(take(&store, "a", Sharing::Shared));
    fs::write(held.data().join("x"), vec![7; 100_000]).unwrap();
    let mounts = store.cache_mounts().unwrap();
    let told: Vec<_> = mounts
        .iter()
        .map(|mount| (mount.name.as_str(), mount.files, mount.is_used, mount.sharing))
        .collect();
    assert_eq!(
        told,
        [("a", 0, false, Some(Sharing::Shared)), ("b", 1, true, Some(Sharing::Locked))],
        "what was used last comes first"
    );
    assert!(mounts.iter().all(|mount| mount.step == "[2/2] RUN make"));
    assert!(mounts.iter().all(|mount| mount.id == format!("{}.0", mount.key)));

    let ids: Vec<String> = mounts.iter().map(|mount| mount.id.clone()).collect();
    let freed = store.remove_cache_mounts(&ids).unwrap();
    let told: Vec<_> = freed.iter().map(|freed| freed.bytes.is_some()).collect();
    assert_eq!(told, mounts.iter().map(|mount| !mount.is_used).collect::<Vec<_>>());
    drop(held);
    let left = store.cache_mounts().unwrap();
    assert_eq!(left.len(), 1);
    let size = left.first().map(|mount| mount.size);
    assert!(size.is_some_and(|size| size >= 100_000), "{size:?}");
    let freed = store.remove_cache_mounts(&ids).unwrap();
    assert_eq!(freed.into_iter().filter_map(|freed| freed.bytes).max(), size);
    assert_eq!(fs::read_dir(store.root().join("cache")).unwrap().count(), 0);
    assert_eq!(fs::read_dir(store.root().join("tmp")).unwrap().count(), 0);
}
