//! Verifying beside processes that remove and make things.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use lapstrake_cache::Store;
use lapstrake_oci::Digest;

const NAME: &str = "docker.io/library/a:latest";

/// As `rmi` does it. Says when nobody else may look, and gives others time to want to.
fn remove(store: &Store, blob: &Digest, begun: &Sender<()>) {
    let removal = store.removal().unwrap().unwrap();
    begun.send(()).unwrap();
    thread::sleep(Duration::from_millis(100));
    store.remove_tag(NAME).unwrap();
    assert!(removal.blob(blob).unwrap());
}

#[test]
fn an_image_that_is_removed_meanwhile_has_lost_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Store::open(&folder.path().join("store")).unwrap();
    let (store, other) = (open(), open());
    for _ in 0..3 {
        let blob = store.put_blob(b"no manifest, which a removal does not mind").unwrap();
        store.set_tag(NAME, &blob).unwrap();
        let verified = thread::scope(|scope| {
            let (begun, begins) = mpsc::channel();
            let (other, blob) = (&other, &blob);
            let removing = scope.spawn(move || remove(other, blob, &begun));
            begins.recv().unwrap();
            let verified = store.verify(false).unwrap();
            removing.join().unwrap();
            verified
        });
        assert!(verified.damages.is_empty(), "{:?}", verified.damages);
        assert_eq!(verified.blobs, 0);
    }
}

#[test]
fn a_name_that_leads_to_nothing_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    let blob = store.put_blob(b"some manifest").unwrap();
    store.set_tag(NAME, &blob).unwrap();
    assert!(store.verify(true).unwrap().damages.is_empty());
    fs::remove_file(store.blob_path(&blob)).unwrap();
    let verified = store.verify(true).unwrap();
    let described: Vec<_> =
        verified.damages.iter().map(|one| (&*one.id, &*one.description)).collect();
    assert_eq!(described, [(&*blob.to_string(), NAME)]);
    assert_eq!(store.tag(NAME).unwrap(), None);
}
