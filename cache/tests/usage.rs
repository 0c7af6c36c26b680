//! Sizes, held against those of `du`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::Command;

use lapstrake_cache::{CacheRequest, Error, Needed, Sharing, Store, Usage, UsageKind};
use lapstrake_oci::Digest;
use lapstrake_rootfs::{ContentHash, Entry, LayerId, LayerManifest, Timestamp, TreePath};

/// Bytes on disk of what lies in `folder`, each file once, without the folder itself.
fn du(folder: &Path) -> u64 {
    let script = r#"cd "$0" && du -cB1 -s -- * | tail -n 1 | cut -f 1"#;
    let output = Command::new("sh").args(["-c", script]).arg(folder).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

/// Keeps a layer whose only file is a link to `file`.
fn commit(store: &Store, id: LayerId, file: &Path) -> LayerId {
    let staging = store.stage_layer().unwrap();
    fs::hard_link(file, staging.fs().join("file")).unwrap();
    let root = Entry::directory(TreePath::root(), Timestamp::default());
    store.commit_layer(staging, id, LayerManifest::new(vec![root])).unwrap().id
}

fn of(usage: &[Usage], kind: UsageKind) -> Usage {
    *usage.iter().find(|usage| usage.kind == kind).unwrap()
}

#[test]
fn links_count_once_and_what_is_needed_is_not_reclaimable() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    let file = store.root().join("source");
    fs::write(&file, vec![1; 300_000]).unwrap();
    let built = |name: &str| LayerId::Built(ContentHash::of(name.as_bytes()));
    let one = commit(&store, built("one"), &file);
    commit(&store, built("two"), &file);
    let two = du(&store.root().join("layers"));
    assert!((300_000..400_000).contains(&two), "{two}");

    let steps = of(&store.usage(&Needed::default()).unwrap(), UsageKind::BuildStep);
    assert_eq!((steps.count, steps.size, steps.reclaimable), (2, two, two));

    // The image calls the layer by its diff id. What the other layer links stays with it.
    let diff_id = Digest::of(b"the tar");
    store.put_diff_id(&one, &diff_id, 7).unwrap();
    let layers = [LayerId::Image(diff_id)].into();
    let steps =
        of(&store.usage(&Needed { layers, ..Needed::default() }).unwrap(), UsageKind::BuildStep);
    assert_eq!((steps.count, steps.size), (2, two));
    assert!((1..50_000).contains(&steps.reclaimable), "{}", steps.reclaimable);

    // Shared with a layer that came with an image, the file is counted there.
    commit(&store, LayerId::Image(Digest::of(b"other")), &file);
    let usage = store.usage(&Needed::default()).unwrap();
    let (image, steps) = (of(&usage, UsageKind::ImageLayer), of(&usage, UsageKind::BuildStep));
    assert_eq!((image.count, steps.count), (1, 2));
    assert!(image.size >= 300_000 && steps.size < 50_000, "{usage:?}");
    assert_eq!(image.size + steps.size, du(&store.root().join("layers")));
}

#[test]
fn blobs_of_images_and_caches_in_use_are_needed() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    let needed = store.put_blob(&[1; 20_000]).unwrap();
    store.put_blob(&[2; 50_000]).unwrap();
    let fill = |folder: &Path| {
        fs::create_dir(folder.join("data")).unwrap();
        fs::write(folder.join("data/file"), [3; 70_000]).unwrap();
        Ok::<_, Error>(())
    };
    let key = ContentHash::of(b"key");
    let request =
        CacheRequest { key: &key, sharing: Sharing::Shared, about: "about", step: "RUN make" };
    let cache = store.cache_folder(&request, &|| false, fill).unwrap();

    let needed = Needed { blobs: [needed].into(), ..Needed::default() };
    let usage = store.usage(&needed).unwrap();
    let blobs = of(&usage, UsageKind::Blob);
    assert_eq!((blobs.count, blobs.size), (2, du(&store.root().join("blobs/sha256"))));
    assert!((50_000..70_000).contains(&blobs.reclaimable), "{blobs:?}");
    let caches = of(&usage, UsageKind::CacheMount);
    let size = du(&store.root().join("cache"));
    assert_eq!((caches.count, caches.size, caches.reclaimable), (1, size, 0));

    drop(cache);
    let caches = of(&store.usage(&needed).unwrap(), UsageKind::CacheMount);
    assert_eq!((caches.count, caches.size, caches.reclaimable), (1, size, size));
}

/// A command may make a tree that is deeper than the kernel takes a path at once, and more names in it.
#[test]
fn trees_of_any_depth_are_measured() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    let fill = |folder: &Path| {
        let script = r#"
import os, sys
os.chdir(sys.argv[1]); os.mkdir("data"); os.chdir("data")
for i in range(60):
    os.mkdir("n" * 250); os.mkdir("beside"); os.mkdir("beside/empty"); os.symlink("..", "link"); os.chdir("n" * 250)
open("file", "w").write("x" * 70000)"#;
        let made = Command::new("python3").args(["-c", script]).arg(folder).status().unwrap();
        assert!(made.success());
        Ok::<_, Error>(())
    };
    let key = ContentHash::of(b"key");
    let request =
        CacheRequest { key: &key, sharing: Sharing::Shared, about: "about", step: "RUN make" };
    drop(store.cache_folder(&request, &|| false, fill).unwrap());

    let mounts = of(&store.usage(&Needed::default()).unwrap(), UsageKind::CacheMount);
    assert_eq!((mounts.count, mounts.size), (1, du(&store.root().join("cache"))));
    let listed = store.cache_mounts().unwrap();
    assert_eq!(listed.iter().map(|mount| mount.files).collect::<Vec<_>>(), [61]);
    let ids: Vec<String> = listed.into_iter().map(|mount| mount.id).collect();
    assert_eq!(store.remove_cache_mounts(&ids).unwrap().len(), 1);
    assert_eq!(fs::read_dir(store.root().join("cache")).unwrap().count(), 0);
}
