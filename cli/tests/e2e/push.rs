//! Pushing: what arrives in a registry, and what need not be sent.

use std::fs;

use serde_json::Value;

use crate::support::{Context, Store, registry_address, text, tool};

fn counter() -> Context {
    Context::new(
        "FROM busybox\nRUN echo pushed > /word && seq 200000 > /numbers\nCMD [\"cat\", \"/word\"]\n",
    )
}

fn inspected(name: &str) -> Value {
    let raw =
        tool("skopeo", &["inspect", "--raw", "--tls-verify=false", &format!("docker://{name}")]);
    serde_json::from_str(&raw).expect("a manifest")
}

/// The last word of the line `TAG: digest: sha256:… size: N` but two.
fn digest(said: &str) -> String {
    let line = said.lines().last().expect("a line");
    line.split(' ').nth(2).expect("a digest").to_owned()
}

#[test]
fn what_is_pushed_runs_elsewhere() {
    let store = Store::new();
    let name = format!("{}/pushed/app-{}:1", registry_address(), std::process::id());
    store.build(&name, counter().path());
    let said = store.ok(&["push", &name]);
    assert!(said.contains("layers: 2 sent"), "{said}");

    let manifest = inspected(&name);
    let top = manifest["layers"].as_array().and_then(|layers| layers.last()).expect("a layer");
    assert_eq!(top["mediaType"], "application/vnd.oci.image.layer.v1.tar+gzip");
    assert!(top["size"].as_u64().is_some_and(|size| size < 700_000), "{top}");
    let stated = tool(
        "skopeo",
        &["inspect", "--tls-verify=false", "--format", "{{.Digest}}", &format!("docker://{name}")],
    );
    assert_eq!(stated.trim(), digest(&said));

    let other = Store::new();
    assert_eq!(other.prints(&name, &[]), "pushed");
    // What was pulled leaves as it came, and the registry mounts what it has.
    let copy = format!("{}/pushed/copy-{}:2", registry_address(), std::process::id());
    other.ok(&["tag", &name, &copy]);
    let again = other.ok(&["push", &copy]);
    assert_eq!(digest(&again), digest(&said));
    assert!(again.contains("layers: 0 sent, 2 mounted"), "{again}");
}

#[test]
fn a_second_push_sends_nothing_and_gives_the_same() {
    let store = Store::new();
    for compression in ["gzip", "zstd", "uncompressed"] {
        let name = format!("{}/again/{compression}:1", registry_address());
        store.build(&name, counter().path());
        let push = ["push", "--compression", compression, &name];
        let (first, second) = (store.ok(&push), store.ok(&push));
        assert!(second.contains("layers: 0 sent, 0 mounted, 2 there before"), "{second}");
        assert_eq!(digest(&first), digest(&second));
        // Another store makes the same bytes of the same layer.
        assert_eq!(Store::new().prints(&name, &["wc", "-l", "/numbers"]), "200000 /numbers");
    }
}

#[test]
fn all_tags_of_a_repository_go_and_come_together() {
    let store = Store::new();
    let repository = format!("{}/tags/app-{}", registry_address(), std::process::id());
    let (one, two) = (format!("{repository}:one"), format!("{repository}:two"));
    store.build(&one, counter().path());
    store.ok(&["tag", "busybox", &two]);
    let said = store.ok(&["push", "-a", &repository]);
    assert!(said.contains("one: digest: ") && said.contains("two: digest: "), "{said}");
    let other = Store::new();
    let said = other.ok(&["pull", "--all-tags", &repository]);
    assert!(said.contains("one: Pulling from") && said.contains("two: Pulling from"), "{said}");
    let names = other.ok(&["images", "--format", "{{.Tag}}", &repository]);
    assert!(names.contains("one") && names.contains("two"), "{names}");
    for command in ["pull", "push"] {
        other.answer(&[command, "-a", &one]).ends_with(1).says(&["has a tag", "--all-tags"]);
    }
    other.answer(&["push", "-a", "none/such"]).ends_with(1).says(&["no image called none/such"]);
}

#[test]
fn a_list_is_made_of_images_that_registries_have() {
    let store = Store::new();
    let repository = format!("{}/lists/app-{}", registry_address(), std::process::id());
    let other = format!("{}/lists/other-{}:b", registry_address(), std::process::id());
    let (list, one) = (format!("{repository}:all"), format!("{repository}:a"));
    store.build(&one, counter().path());
    store.ok(&["push", &one]);
    let arm = Context::new("FROM --platform=linux/arm64 scratch\nCOPY x /\n").file("x", "x");
    store.build_with(&other, arm.path(), &["--platform", "linux/arm64"]);
    store.ok(&["push", &other]);

    store.answer(&["manifest", "push", &list]).ends_with(1).says(&["no list of images called"]);
    store.ok(&["manifest", "create", &list, &one]);
    store.answer(&["manifest", "create", &list, &other]).ends_with(1).says(&["--amend"]);
    store.ok(&["manifest", "create", "--amend", &list, &other]);
    store.ok(&["manifest", "annotate", "--variant", "v8", &list, &other]);
    let here: Value =
        serde_json::from_str(&store.ok(&["manifest", "inspect", &list])).expect("JSON");
    let platform = |at: usize, field: &str| here["manifests"][at]["platform"][field].clone();
    assert_eq!(platform(1, "architecture"), "arm64");
    assert_eq!(platform(1, "variant"), "v8");
    let digest = store.ok(&["manifest", "push", "--purge", &list]);
    assert_eq!(inspected(&list), here);
    store.answer(&["manifest", "rm", &list]).ends_with(1).says(&["no list of images called"]);

    // The image of the other repository came along.
    let seen = tool(
        "skopeo",
        &[
            "inspect",
            "--tls-verify=false",
            "--override-arch",
            "arm64",
            "--override-variant",
            "v8",
            "--format",
            "{{.Architecture}}",
            &format!("docker://{list}"),
        ],
    );
    assert_eq!(seen.trim(), "arm64");
    let verbose = store.ok(&["manifest", "inspect", "-v", &list]);
    let verbose: Value = serde_json::from_str(&verbose).expect("JSON");
    assert_eq!(verbose[1]["Descriptor"], here["manifests"][1]);
    assert!(verbose[0]["OCIManifest"]["layers"].is_array(), "{verbose:#}");
    let name = Store::new().ok(&["pull", "-q", &format!("{repository}@{digest}")]);
    assert!(name.ends_with(&digest), "{name}");
}

/// lap → skopeo → umoci, which adds a layer → registry → lap → registry and back by archives.
#[test]
fn an_image_goes_through_other_tools_and_comes_back() {
    let store = Store::new();
    let path = |name: &str| text(&store.beside(name));
    let round =
        |tag: &str| format!("{}/round/app-{}:{tag}", registry_address(), std::process::id());
    let (one, two) = (round("one"), round("two"));
    store.build("app:1", counter().path());
    store.ok(&["save", "--format", "oci", "-o", &path("app.tar"), "app:1"]);
    let layout = format!("oci:{}:x", path("changed"));
    tool("skopeo", &["copy", "-q", &format!("oci-archive:{}", path("app.tar")), &layout]);
    let image = format!("{}:x", path("changed"));
    tool("umoci", &["unpack", "--image", &image, &path("bundle")]);
    fs::write(store.beside("bundle/rootfs/added"), "added by umoci\n").expect("write a file");
    tool("umoci", &["repack", "--image", &image, &path("bundle")]);
    let to = format!("docker://{one}");
    tool("skopeo", &["copy", "-q", "--dest-tls-verify=false", &layout, &to]);

    let other = Store::new();
    assert_eq!(other.prints(&one, &["cat", "/word", "/added"]), "pushed\nadded by umoci");
    other.ok(&["tag", &one, &two]);
    other.ok(&["push", &two]);
    assert_eq!(inspected(&one), inspected(&two));

    // As podman writes archives, and as docker does.
    let archive = format!("docker-archive:{}:back:1", path("back.tar"));
    let from = format!("docker://{two}");
    tool("skopeo", &["copy", "-q", "--src-tls-verify=false", &from, &archive]);
    let third = Store::new();
    let said = third.ok(&["load", "-i", &path("back.tar")]);
    assert!(said.contains("Loaded image: back:1"), "{said}");
    assert_eq!(third.prints("back:1", &["cat", "/added"]), "added by umoci");
    third.ok(&["save", "-o", &path("again.tar"), "back:1"]);
    let again = format!("docker-archive:{}", path("again.tar"));
    let layers = tool("skopeo", &["inspect", "--format", "{{len .Layers}}", &again]);
    assert_eq!(layers.trim(), "3");
}

#[test]
fn what_cannot_be_pushed_is_said() {
    let store = Store::new();
    store.answer(&["push", "nothing:here"]).ends_with(1).says(&["No such image", "nothing:here"]);
    store.build("127.0.0.1:9/a/b", counter().path());
    store.answer(&["push", "127.0.0.1:9/a/b"]).ends_with(1).says(&["127.0.0.1:9"]);
    store.answer(&["push", "--compression-level", "10", "a"]).ends_with(1).says(&["0 to 9"]);
}
