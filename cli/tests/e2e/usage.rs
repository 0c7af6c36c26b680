//! What the store is said to hold, held against `du`.

use serde_json::Value;

use crate::support::{Context, Store, tool};

/// Count, size and reclaimable bytes of a kind.
fn usage(store: &Store, kind: &str) -> [u64; 3] {
    let lines = store.ok(&["cache", "du", "--format", "json"]);
    let rows = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let row = rows.into_iter().find(|row| row["Kind"] == kind).expect(kind);
    ["Count", "Size", "Reclaimable"].map(|field| row[field].as_u64().expect(field))
}

/// Bytes on disk of what lies in a folder of the store and matches.
fn du(store: &Store, folder: &str, pattern: &str) -> u64 {
    let script = format!("cd '{}' && du -cB1 -s {pattern}", store.root().join(folder).display());
    let lines = tool("sh", &["-c", &script]);
    let last = lines.lines().last().and_then(|line| line.split_whitespace().next());
    last.and_then(|size| size.parse().ok()).expect("a size from du")
}

#[test]
fn the_store_says_what_it_holds_and_what_no_image_needs() {
    let store = Store::new();
    let context = Context::new(
        "FROM busybox\nRUN --mount=type=cache,target=/c \
         head -c 200000 /dev/zero > /c/x && head -c 100000 /dev/zero > /file\n",
    );
    store.build("used", context.path());

    let images = du(&store, "layers", "sha256-*");
    assert_eq!(usage(&store, "image-layer"), [1, images, 0]);
    let steps = du(&store, "layers", "blake3-*");
    assert!(steps > 100_000, "{steps}");
    assert_eq!(usage(&store, "build-step"), [1, steps, 0]);
    let caches = du(&store, "cache", "*");
    assert!(caches > 200_000, "{caches}");
    assert_eq!(usage(&store, "cache-mount"), [1, caches, caches]);
    let [_, blobs, _] = usage(&store, "blob");
    assert_eq!(blobs, du(&store, "blobs/sha256", "*"));

    store.ok(&["rmi", "used"]);
    assert_eq!(usage(&store, "build-step"), [1, steps, steps]);
    assert_eq!(usage(&store, "image-layer"), [1, images, 0]);

    let table = store.ok(&["cache", "du"]);
    let titles = ["KIND", "Image layers", "Build steps", "Cache mounts", "Blobs", "Total"];
    assert_eq!(table.lines().count(), titles.len(), "{table}");
    assert!(table.lines().zip(titles).all(|(line, title)| line.starts_with(title)), "{table}");
}
