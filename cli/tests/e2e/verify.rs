//! `lap cache verify`: damage of every kind is found, dropped when asked for, and made good by the
//! next build.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::support::{Context, Store, processes_with, unusual_sleep, wait_for};

fn context() -> Context {
    Context::new(
        "FROM busybox\n\
         RUN mkdir /d && echo one > /d/one && ln /d/one /d/two && ln -s one /d/link && echo x > /d/x\n",
    )
}

/// The folder of the only layer that was built.
fn layer(store: &Store) -> PathBuf {
    let entries = fs::read_dir(store.root().join("layers")).expect("layers");
    let mut built = entries.map(|entry| entry.expect("an entry").path()).filter(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("blake3-"))
    });
    let only = built.next().expect("a layer");
    assert_eq!(built.next(), None);
    only
}

type Harm = fn(&Path);

const HARMS: [(Harm, &str); 10] = [
    (|layer| fs::write(layer.join("fs/d/x"), "y\n").expect("write"), "/d/x has another content"),
    (|layer| fs::remove_file(layer.join("fs/d/x")).expect("remove"), "/d/x is missing"),
    (|layer| fs::write(layer.join("fs/d/new"), "").expect("write"), "/d/new was added"),
    (
        |layer| {
            let mode = fs::Permissions::from_mode(0o600);
            fs::set_permissions(layer.join("fs/d/x"), mode).expect("chmod");
        },
        "/d/x has another mode",
    ),
    (
        |layer| std::os::unix::fs::lchown(layer.join("fs/d/link"), Some(7), None).expect("chown"),
        "/d/link has another owner",
    ),
    (
        |layer| {
            fs::remove_file(layer.join("fs/d/link")).expect("remove");
            fs::write(layer.join("fs/d/link"), "").expect("write");
        },
        "/d/link has another kind",
    ),
    (
        |layer| {
            let copy = layer.join("fs/d/copy");
            fs::copy(layer.join("fs/d/two"), &copy).expect("copy");
            fs::rename(copy, layer.join("fs/d/two")).expect("rename");
        },
        "/d/",
    ),
    (|layer| fs::remove_dir_all(layer.join("fs")).expect("remove"), "cannot be read"),
    (|layer| fs::write(layer.join("manifest"), "no manifest").expect("write"), "manifest"),
    (|layer| fs::remove_dir_all(layer).expect("remove"), "missing"),
];

#[test]
fn a_damaged_layer_is_found_dropped_and_made_again() {
    let (store, context) = (Store::new(), context());
    store.build("x", context.path());
    let whole = store.ok(&["cache", "verify"]);
    assert!(whole.starts_with("Total: 2 layers") && whole.ends_with(" 0 damaged"), "{whole}");
    assert_eq!(store.ok(&["cache", "verify", "--repair"]), whole);
    for (number, (harm, said)) in HARMS.iter().enumerate() {
        harm(&layer(&store));
        let found = store.answer(&["cache", "verify"]).ends_with(1);
        found.says(&[said, "RUN mkdir /d", "2 layers", "1 damaged", "--repair"]);
        let found = store.answer(&["cache", "verify", "--repair"]).ends_with(0);
        found.says(&[said, "1 damaged, 1 dropped"]);
        let total = store.ok(&["cache", "verify"]);
        assert!(total.starts_with("Total: 1 layers") && total.ends_with(" 0 damaged"), "{total}");
        // The next build executes the step again, and the image is whole.
        let name = format!("again-{number}");
        let again = store.build(&name, context.path());
        assert!(again.stderr.contains("[2/2] RUN mkdir") && !again.stderr.contains("#2 CACHED"));
        assert_eq!(store.prints(&name, &["cat", "/d/two", "/d/link", "/d/x"]), "one\none\nx");
    }
    assert!(store.ok(&["cache", "verify"]).ends_with(" 0 damaged"));
}

#[test]
fn a_damaged_blob_is_found_dropped_and_fetched_again() {
    let store = Store::new();
    store.ok(&["pull", "-q", "busybox"]);
    let blobs = store.root().join("blobs/sha256");
    let size = |path: &PathBuf| fs::metadata(path).expect("a blob").len();
    let all = fs::read_dir(&blobs).expect("blobs").map(|entry| entry.expect("an entry").path());
    let largest = all.max_by_key(size).expect("a blob");
    let mut bytes = fs::read(&largest).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&largest, bytes).expect("write");
    store.answer(&["cache", "verify"]).ends_with(1).says(&["sha256:", "blob", "other content"]);
    store.answer(&["cache", "verify", "--repair"]).ends_with(0).says(&["1 dropped"]);
    assert!(!largest.exists());
    store.ok(&["pull", "-q", "busybox"]);
    assert_eq!(store.prints("busybox", &["echo", "whole"]), "whole");
    assert!(store.ok(&["cache", "verify"]).ends_with(" 0 damaged"));
}

/// An image without its manifest or config would be gone without a word.
#[test]
fn what_a_name_leads_to_is_missed() {
    let (store, context) = (Store::new(), context());
    for part in ["manifest", "config"] {
        store.build("x", context.path());
        let index = fs::read_to_string(store.root().join("index.json")).expect("an index");
        let index: serde_json::Value = serde_json::from_str(&index).expect("JSON");
        let named = index["manifests"].as_array().expect("a list").iter();
        let entry = named.filter(|entry| entry["annotations"].to_string().contains("library/x:"));
        let digest = |value: &serde_json::Value| value["digest"].as_str().map(str::to_owned);
        let blob = |digest: &str| store.root().join("blobs").join(digest.replace(':', "/"));
        let manifest = entry.filter_map(digest).next().expect("the manifest's digest");
        let text = fs::read_to_string(blob(&manifest)).expect("a manifest");
        let text: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let lost = if part == "config" { digest(&text["config"]).expect("one") } else { manifest };
        fs::remove_file(blob(&lost)).expect("remove");
        let found = store.answer(&["cache", "verify"]).ends_with(1);
        found.says(&["missing", "library/x:latest", "1 damaged", "--repair"]);
        store.answer(&["cache", "verify", "--repair"]).ends_with(0).says(&["1 dropped"]);
        assert!(store.ok(&["cache", "verify"]).ends_with(" 0 damaged"), "{part}");
        store.answer(&["inspect", "x"]).ends_with(1);
    }
    store.build("x", context.path());
    assert_eq!(store.prints("x", &["cat", "/d/x"]), "x");
}

/// The first process of a container is only ended by signals that it waits for.
const WAIT: &str = r#"trap 'exit 0' TERM; sleep "$0" & wait"#;

#[test]
fn what_runs_keeps_what_it_uses() {
    let (store, context) = (Store::new(), context());
    store.build("x", context.path());
    let seconds = unusual_sleep();
    let running = store.background(&["run", "--rm", "x", "sh", "-c", WAIT, &seconds]);
    // The engine, the shell, which has set its trap then, and what it sleeps in.
    wait_for("the command", || (processes_with(&seconds).len() > 2).then_some(()));
    wait_for("the lease", || {
        let dry = store.ok(&["cache", "prune", "--all", "--dry-run"]);
        (!dry.contains("RUN mkdir")).then_some(())
    });
    fs::write(layer(&store).join("fs/d/x"), "y\n").expect("write");
    store
        .answer(&["cache", "verify", "--repair"])
        .ends_with(1)
        .says(&["1 in use", "end what uses"]);
    assert!(layer(&store).join("fs/d/one").exists());
    running.stop();
    store.answer(&["cache", "verify", "--repair"]).ends_with(0).says(&["1 dropped"]);
}
