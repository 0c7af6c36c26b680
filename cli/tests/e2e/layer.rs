//! What layers keep: the tree that a container shows is the tree that other tools unpack.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{Context, Store, testdata, text, tool};

/// Path to what is known of it.
type Listing = Vec<(String, Value)>;

fn listing(printed: &str) -> Listing {
    let entry = |line: &str| -> (String, Value) {
        serde_json::from_str(line).expect("a line of the listing")
    };
    printed.lines().map(entry).collect()
}

fn field<'a>(listing: &'a Listing, path: &str, name: &str) -> &'a Value {
    let (_, fields) =
        listing.iter().find(|(found, _)| found == path).unwrap_or_else(|| panic!("no {path}"));
    &fields[name]
}

#[test]
fn the_unpacked_tree_is_the_tree_that_runs() {
    let store = Store::new();
    store.build("layers", &testdata("layers"));
    let volume = format!("{}:/listing.py:ro", testdata("listing.py").display());
    let inside = ["run", "--rm", "-v", &volume, "layers", "python3", "-B", "/listing.py", "/"];
    let shown = listing(&store.ok(&inside));

    let layout = text(&store.layout("layers"));
    let bundle = text(&store.beside("bundle"));
    tool("umoci", &["unpack", "--image", &format!("{layout}:latest"), &bundle]);
    let unpacked = listing(&tool(
        "python3",
        &["-B", &text(&testdata("listing.py")), &format!("{bundle}/rootfs")],
    ));

    assert!(shown.len() > 1000, "only {} paths", shown.len());
    let only = |one: &Listing, other: &Listing| -> Vec<(String, Value)> {
        let lost = one.iter().filter(|entry| {
            other
                .binary_search_by(|found| found.0.cmp(&entry.0))
                .map_or(true, |at| other[at] != **entry)
        });
        lost.take(20).cloned().collect()
    };
    let (missing, added) = (only(&shown, &unpacked), only(&unpacked, &shown));
    assert!(
        missing.is_empty() && added.is_empty(),
        "shown only: {missing:#?}\nunpacked only: {added:#?}"
    );
    expected_entries(&shown);
}

/// What the Dockerfile did, in the words of the listing.
fn expected_entries(shown: &Listing) {
    let gone = ["t/gone", "t/renamed-from", "t/old-name", "t/emptied/file", "t/replaced/file"];
    for path in gone {
        assert!(!shown.iter().any(|(found, _)| found == path), "{path} is still there");
    }
    let present = [
        "t/renamed-to",
        "t/new-name/file",
        "t/becomes-folder/file",
        "t/replaced/other",
        "t/two words",
    ];
    for path in present {
        field(shown, path, "mode");
    }
    let modes = [
        ("t/setuid", "104755"),
        ("t/setgid", "102711"),
        ("t/sticky", "41777"),
        ("t/shared", "42775"),
        ("t/replaced", "40700"),
        ("t/fifo", "10600"),
        ("t/becomes-file", "100644"),
    ];
    for (path, mode) in modes {
        assert_eq!(field(shown, path, "mode"), mode, "{path}");
    }
    assert_eq!(field(shown, "t/kept/file", "uid"), 12345);
    assert_eq!(field(shown, "t/kept/file", "mtime"), 981_173_106);
    assert_eq!(field(shown, "t/null", "device"), &serde_json::json!([1, 3]));
    assert_eq!(field(shown, "t/copied-up", "xattrs")["user.note"], "6b657074");
    assert_eq!(field(shown, "t/kept", "xattrs")["user.folder"], "616c736f");
    assert!(field(shown, "t/setuid", "xattrs")["security.capability"].is_string());
    assert_eq!(field(shown, "t/symlink", "link"), "kept");
    for (name, first) in
        [("t/one", "t/kept/three"), ("t/two", "t/kept/three"), ("t/linked-later", "t/copied-up")]
    {
        assert_eq!(field(shown, name, "first"), first, "{name} is no hard link");
    }
}

#[test]
fn other_tools_accept_what_is_saved() {
    let store = Store::new();
    let context = Context::new(
        "FROM busybox\nLABEL a=b\nRUN rm /etc/group && mkdir /d && echo x > /d/x\nCMD [\"true\"]\n",
    );
    store.build("saved:1", context.path());
    let archive = text(&store.beside("saved.tar"));
    for (format, transport) in [("oci", "oci-archive"), ("docker", "docker-archive")] {
        store.ok(&["save", "--format", format, "-o", &archive, "saved:1"]);
        let source = format!("{transport}:{archive}");
        let found: Value =
            serde_json::from_str(&tool("skopeo", &["inspect", &source])).expect("JSON from skopeo");
        assert_eq!(
            (&found["Labels"]["a"], &found["Os"]),
            (&Value::from("b"), &Value::from("linux")),
            "{format}"
        );
        let folder = text(&store.beside(&format!("copied-{format}")));
        tool("skopeo", &["copy", "--quiet", &source, &format!("dir:{folder}")]);
        diff_ids_are_right(&folder);
    }
}

/// Unpacks each layer that skopeo copied and takes its sum, with nothing of our own.
fn diff_ids_are_right(folder: &str) {
    let read = |name: &str| -> Value {
        let text = fs::read_to_string(format!("{folder}/{name}"))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        serde_json::from_str(&text).expect("JSON")
    };
    let manifest = read("manifest.json");
    let name = |digest: &Value| {
        digest.as_str().expect("a digest").trim_start_matches("sha256:").to_owned()
    };
    let config = read(&name(&manifest["config"]["digest"]));
    let layers = manifest["layers"].as_array().expect("layers");
    let diff_ids = config["rootfs"]["diff_ids"].as_array().expect("diff ids");
    assert_eq!(layers.len(), diff_ids.len());
    for (layer, diff_id) in layers.iter().zip(diff_ids) {
        let blob = name(&layer["digest"]);
        let sum = tool(
            "sh",
            &[
                "-c",
                &format!(
                    "(gzip -dc < {folder}/{blob} 2>/dev/null || cat {folder}/{blob}) | sha256sum"
                ),
            ],
        );
        assert_eq!(
            format!("sha256:{}", sum.split(' ').next().unwrap_or_default()),
            diff_id.as_str().expect("a diff id")
        );
    }
    let filled = config["history"]
        .as_array()
        .expect("history")
        .iter()
        .filter(|step| step["empty_layer"] != true);
    assert_eq!(filled.count(), layers.len());
}

#[test]
fn owners_and_modes_of_the_context_follow_the_rules_of_copy() {
    let context =
        Context::new("FROM busybox\nCOPY d /d\nCOPY --chown=7:8 --chmod=4711 d/f /changed\n");
    context.write("d/f", "x\n");
    context.set_mode("d/f", 0o751);
    context.write("d/nested/g", "y\n");
    context.set_mode("d/nested", 0o705);
    context.set_mode("d", 0o705);
    let owned = Command::new("chown")
        .args(["-R", "99:99"])
        .arg(context.path())
        .status()
        .expect("start chown");
    assert!(owned.success());
    let store = Store::new();
    store.build("owned", context.path());
    let named = ["/d", "/d/f", "/d/nested", "/changed"];
    let shown = store.prints("owned", &[&["stat", "-c", "%n %a %u %g"], &named[..]].concat());
    // A new folder that files are copied into is 0755, whatever the source folder is.
    assert_eq!(shown, "/d 755 0 0\n/d/f 751 0 0\n/d/nested 705 0 0\n/changed 4711 7 8");
}

/// The second layer costs the changed file: the others have one more name. In the image all of them
/// stay files of their own, as GNU tar sees it.
#[test]
fn a_changed_file_leaves_the_others_shared_and_apart() {
    let store = Store::new();
    let context = Context::new("FROM scratch\nCOPY src /src\n")
        .file("src/a", "equal\n")
        .file("src/b", "equal\n")
        .file("src/c", "one\n");
    store.build("linked", context.path());
    context.write("src/c", "two\n");
    store.build("linked", context.path());

    let names = ["src/a", "src/b", "src/c"];
    let inodes: Vec<Vec<u64>> = fs::read_dir(store.root().join("layers"))
        .expect("the layers")
        .map(|layer| layer.expect("a layer").path().join("fs"))
        .map(|layer| names.map(|name| inode(&layer.join(name))).to_vec())
        .collect();
    let [first, second] = inodes.as_slice() else { panic!("{inodes:?}") };
    assert_eq!(first[..2], second[..2]);
    assert_ne!(first[2], second[2]);
    assert_ne!(first[0], first[1]);

    let blobs = text(&store.layout("linked").join("blobs/sha256"));
    let script =
        format!("cd {blobs} && for blob in *; do tar -tvf $blob 2>/dev/null || true; done");
    let listing = tool("sh", &["-c", &script]);
    assert_eq!(listing.lines().filter(|line| line.starts_with('-')).count(), 3, "{listing}");
    assert!(!listing.contains("link to"), "{listing}");
}

/// A stage's files copied to other places are files of their own, also to a tool in a sandbox that
/// keeps hard links: overlayfs shows it the inodes of all layers.
#[test]
fn what_is_copied_from_a_stage_is_no_hard_link_of_its_source() {
    let store = Store::new();
    let context = Context::new(
        "FROM busybox AS files\nRUN mkdir /src && echo x > /src/f\n\
         FROM files\nCOPY --from=files /src /one\nCOPY --from=files /src /two\n\
         COPY --from=files /src /src\n\
         RUN mkdir /again && tar -cf - src one two | tar -xf - -C /again\n",
    );
    store.build("apart", context.path());
    let names = ["/src/f", "/one/f", "/two/f"];
    let inodes = store.prints("apart", &[&["stat", "-c", "%i"], &names[..]].concat());
    let distinct: std::collections::BTreeSet<&str> = inodes.lines().collect();
    assert_eq!(distinct.len(), names.len(), "{inodes}");

    let files = text(&store.beside("files.tar"));
    store.build_with("apart", context.path(), &["-o", &format!("type=tar,dest={files}")]);
    let listing = tool("tar", &["-tvf", &files, "again"]);
    assert_eq!(listing.lines().filter(|line| line.starts_with('-')).count(), 3, "{listing}");
    assert!(!listing.contains("link to"), "{listing}");
}

fn inode(file: &Path) -> u64 {
    std::os::unix::fs::MetadataExt::ino(&fs::metadata(file).expect("the file of a layer"))
}
