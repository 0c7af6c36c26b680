//! Stores that are another user's or everybody's, or that lead elsewhere.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use lapstrake_cache::{Error, Store};

/// All folders that are swept, or that what is removed lies in.
const FOLDERS: [&str; 8] =
    ["tmp", "leases", "locks", "groups", "layers", "logs", "stat", "blobs/sha256"];

#[test]
fn a_link_in_place_of_a_folder_is_named_and_not_followed() {
    for name in FOLDERS {
        let folder = tempfile::tempdir().unwrap();
        let (root, canary) = (folder.path().join("store"), folder.path().join("canary"));
        drop(Store::open(&root).unwrap());
        fs::create_dir_all(canary.join("folder")).unwrap();
        fs::write(canary.join("file"), "").unwrap();
        drop(fs::remove_dir_all(root.join(name)));
        symlink(&canary, root.join(name)).unwrap();
        let is_named =
            |error: Error| matches!(error, Error::Link { path } if path == root.join(name));
        assert!(is_named(Store::open(&root).unwrap_err()), "{name}");
        assert!(is_named(Store::open_to_remove(&root).unwrap_err()), "{name}");
        assert!(is_named(Store::look(&root).unwrap_err()), "{name}");
        assert_eq!(fs::read_dir(&canary).unwrap().count(), 2, "{name}");
        // What is missing is made.
        fs::remove_file(root.join(name)).unwrap();
        Store::open(&root).unwrap();
    }
}

#[test]
fn a_store_that_everybody_may_write_to_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    drop(Store::open(&root).unwrap());
    let set = |mode| fs::set_permissions(&root, fs::Permissions::from_mode(mode)).unwrap();
    set(0o777);
    let is_named = |error: Error| matches!(error, Error::Open { root: named } if named == root);
    assert!(is_named(Store::open(&root).unwrap_err()));
    assert!(is_named(Store::open_to_remove(&root).unwrap_err()));
    assert!(is_named(Store::look(&root).unwrap_err()));
    // What a group does there its owner has allowed.
    set(0o770);
    drop(Store::open(&root).unwrap());
}

#[test]
fn a_store_may_be_behind_links() {
    let folder = tempfile::tempdir().unwrap();
    let [parent, root] = ["parent", "root"].map(|name| folder.path().join(name));
    fs::create_dir_all(folder.path().join("real/store")).unwrap();
    symlink("real", &parent).unwrap();
    symlink("real/store", &root).unwrap();
    drop(Store::open(&parent.join("store")).unwrap());
    drop(Store::open(&root).unwrap());
    assert!(Store::look(&root).unwrap().is_some());
}
