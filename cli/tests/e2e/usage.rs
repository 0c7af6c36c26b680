//! What the store is said to hold, held against `du`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::{Context, Store, text, tool};

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

/// The rows of `du --by`, by name: count, size, shared and reclaimable bytes.
fn grouped(store: &Store, by: &str) -> BTreeMap<String, [u64; 4]> {
    let lines = store.ok(&["cache", "du", "--by", by, "--format", "json"]);
    let rows = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let row = |row: Value| {
        let fields = ["Count", "Size", "Shared", "Reclaimable"];
        let numbers = fields.map(|field| row[field].as_u64().expect(field));
        (row["Name"].as_str().expect("a name").to_owned(), numbers)
    };
    rows.map(row).collect()
}

/// Bytes on disk of the layers, blobs and cache folders of these names, a shared file once.
fn du_of(store: &Store, paths: &[String]) -> u64 {
    let script = format!("cd '{}' && du -cB1 -s {}", store.root().display(), paths.join(" "));
    let lines = tool("sh", &["-c", &script]);
    let last = lines.lines().last().and_then(|line| line.split_whitespace().next());
    last.and_then(|size| size.parse().ok()).expect("a size from du")
}

/// Where the layers and blobs of an image lie, as its documents and `why` say.
fn paths_of(store: &Store, image: &str) -> Vec<String> {
    let why = store.ok(&["cache", "why", "--format", "json", image]);
    let why: Value = serde_json::from_str(&why).expect("JSON");
    let layers = why["Layers"].as_array().expect("layers").iter();
    let mut paths: Vec<String> =
        layers.map(|layer| format!("layers/{}", layer["Layer"].as_str().expect("an id"))).collect();
    let index = std::fs::read(store.root().join("index.json")).expect("the index");
    let index: Value = serde_json::from_slice(&index).expect("JSON");
    let tags = index["manifests"].as_array().expect("manifests").iter();
    let is_it = |tag: &&Value| tag["annotations"].to_string().contains(&format!("/{image}:latest"));
    let mut next = vec![tags.clone().find(is_it).expect("its tag")["digest"].clone()];
    while let Some(digest) = next.pop() {
        let hex = digest.as_str().and_then(|text| text.strip_prefix("sha256:")).expect("a digest");
        let path = format!("blobs/sha256/{hex}");
        let file = store.root().join(&path);
        if !file.exists() || paths.contains(&path) {
            continue;
        }
        let document = std::fs::read(file).expect("a blob");
        if let Ok(Value::Object(document)) = serde_json::from_slice(&document) {
            next.extend(
                document
                    .get("config")
                    .map(|config| config["digest"].clone())
                    .filter(Value::is_string),
            );
            for list in ["layers", "manifests"] {
                let entries = document.get(list).and_then(Value::as_array).into_iter().flatten();
                next.extend(entries.map(|entry| entry["digest"].clone()));
            }
        }
        paths.push(path);
    }
    paths
}

#[test]
fn groups_say_what_they_hold_and_what_they_share() {
    let store = Store::new();
    let base = "FROM busybox AS common\nRUN head -c 500000 /dev/urandom > /common\n";
    let one = Context::new(&format!(
        "{base}FROM common AS one\nRUN --mount=type=cache,id=m,target=/c \
         head -c 300000 /dev/urandom > /one; head -c 100000 /dev/zero > /c/x\n"
    ));
    store.build("one", one.path());
    one.write(
        "Dockerfile",
        &format!("{base}FROM common AS two\nRUN head -c 200000 /dev/urandom > /two\n"),
    );
    store.build("two", one.path());

    let all = ["layers/*", "blobs/sha256/*", "cache/*"].map(str::to_owned);
    let total = du_of(&store, &all);
    let images = grouped(&store, "image");
    for image in ["one", "two"] {
        let size = du_of(&store, &paths_of(&store, image));
        assert_eq!(images[&format!("{image}:latest")][1], size, "{image}: {images:?}");
    }
    // What both have: busybox and the first step, the folders that hold them included.
    let [one_paths, two_paths] = ["one", "two"].map(|image| paths_of(&store, image));
    let both: Vec<String> =
        one_paths.iter().filter(|path| two_paths.contains(path)).cloned().collect();
    let shared = images["one:latest"][2];
    assert!(shared >= du_of(&store, &both) && shared > 500_000, "{images:?}");
    for by in ["image", "stage", "step", "mount", "age"] {
        let rows = grouped(&store, by);
        assert_eq!(rows["Total"][1], total, "{by}: {rows:?}");
        let own = |row: &[u64; 4]| row[1] - row[2];
        let parts = rows.iter().filter(|(name, _)| *name != "Total").map(|(_, row)| own(row));
        assert_eq!(parts.sum::<u64>() + rows["Total"][2], total, "{by}: {rows:?}");
    }

    let record = |layer: &Value| layer["Layer"].as_str().expect("an id").to_owned();
    let why: Value = serde_json::from_str(&store.ok(&["cache", "why", "--format", "json", "one"]))
        .expect("JSON");
    let layer = |number: usize| format!("layers/{}", record(&why["Layers"][number]));
    let stages = grouped(&store, "stage");
    assert_eq!(stages["common"][1], du_of(&store, &[layer(1)]), "{stages:?}");
    assert_eq!(stages["one"][..2], [1, du_of(&store, &[layer(2)])], "{stages:?}");
    assert!(stages.contains_key("(blobs)") && stages.contains_key("(image layers)"), "{stages:?}");
    let steps = grouped(&store, "step");
    let step = "[common 2/2] RUN head -c 500000 /dev/urandom > /common";
    assert_eq!(steps[step][1], du_of(&store, &[layer(1)]), "{steps:?}");
    let mounts = grouped(&store, "mount");
    let mount = mounts.iter().find(|(name, _)| name.starts_with("m (")).expect("the mount").1;
    assert_eq!(mount[1], du_of(&store, &["cache/*".to_owned()]));
    assert_eq!(mount[3], mount[1], "nothing uses it");
    assert_eq!(grouped(&store, "age")["within a day"][1], total);

    let table = store.ok(&["cache", "du", "--by", "image"]);
    assert!(table.starts_with("IMAGE ") && table.contains("\nShared: "), "{table}");
    let stages = store.ok(&["cache", "du", "--by", "stage"]);
    assert!(stages.lines().next().is_some_and(|head| head.contains("DOCKERFILE")), "{stages}");
    store
        .answer(&["cache", "du", "--by", "colour"])
        .ends_with(1)
        .says(&["image, stage, step, mount, age"]);
}

/// What was used long ago is told by the records, of which the database knows the times.
#[test]
fn ages_are_those_of_the_last_use() {
    let store = Store::new();
    let context = Context::new("FROM busybox\nRUN head -c 300000 /dev/urandom > /one\n");
    store.build("x", context.path());
    let set = "import sqlite3, sys\n\
        database = sqlite3.connect(sys.argv[1])\n\
        database.execute('UPDATE origin SET used = used - 864000 * 1000000000')\n\
        database.commit()\n";
    tool("python3", &["-c", set, &text(&store.root().join("store.db"))]);
    let ages = grouped(&store, "age");
    assert_eq!(ages["within 30 days"][..2], [1, du(&store, "layers", "blake3-*")], "{ages:?}");
}
