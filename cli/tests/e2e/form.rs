//! The form in which images leave: compression, media types, layouts in folders.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{Context, Store, registry_address, scratch, text, tool};

/// A base and two layers: words, and what does not compress.
fn context() -> Context {
    let context = Context::new("FROM busybox\nRUN seq 300000 > /numbers\nCOPY noise /noise\n");
    let mut state = 1_u64;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33).to_le_bytes()[0]
    });
    fs::write(context.path().join("noise"), noise.take(3_000_000).collect::<Vec<_>>())
        .expect("write the noise");
    context
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// Media type and digest of the layers of an image, as skopeo reads it.
fn layers(image: &str) -> Vec<(String, String)> {
    let manifest = json(&tool("skopeo", &["inspect", "--raw", "--tls-verify=false", image]));
    let layers = manifest["layers"].as_array().expect("layers").iter();
    let word = |layer: &Value, key: &str| layer[key].as_str().expect("a word").to_owned();
    layers.map(|layer| (word(layer, "mediaType"), word(layer, "digest"))).collect()
}

fn blob(layout: &Path, digest: &str) -> String {
    text(&layout.join("blobs/sha256").join(digest.trim_start_matches("sha256:")))
}

fn kinds(layers: &[(String, String)]) -> Vec<&str> {
    layers.iter().map(|(kind, _)| kind.rsplit('.').next().expect("a word")).collect()
}

#[test]
fn layers_are_compressed_and_those_of_the_base_stay() {
    let (store, context, out) = (Store::new(), context(), scratch());
    let base = layers(&format!("docker://{}/library/busybox", registry_address()));
    for (compression, word, test) in
        [("gzip", "tar+gzip", "gzip"), ("zstd,compression-level=9", "tar+zstd", "zstd")]
    {
        let layout = out.path().join(test);
        let output = format!("type=oci,tar=false,dest={},compression={compression}", text(&layout));
        store.build_with("packed:1", context.path(), &["-o", &output]);
        let image = format!("oci:{}:1", text(&layout));
        let found = layers(&image);
        assert_eq!(kinds(&found)[1..], [word, word]);
        assert_eq!(found[0].1, base[0].1);
        for (_, digest) in &found[1..] {
            let blob = blob(&layout, digest);
            tool("sh", &["-c", "exec \"$1\" -t < \"$2\"", "sh", test, &blob]);
            let sum = tool("sha256sum", &[&blob]);
            assert_eq!(format!("sha256:{}", &sum[..64]), *digest);
        }
        // The tar inside is what the config says.
        let config = json(&tool("skopeo", &["inspect", "--config", &image]));
        let diff_ids = config["rootfs"]["diff_ids"].as_array().expect("diff ids");
        let unpack = format!("{test} -dc < {} | sha256sum", blob(&layout, &found[1].1));
        let sum = tool("sh", &["-c", &unpack]);
        assert_eq!(diff_ids[1], format!("sha256:{}", &sum[..64]));
        let size =
            |index: usize| fs::metadata(blob(&layout, &found[index].1)).expect("the blob").len();
        assert!(size(1) < 1_000_000 && size(2) < 3_010_000, "{} {}", size(1), size(2));
        let bundle = text(&out.path().join(format!("{test}-bundle")));
        if test == "gzip" {
            tool("umoci", &["unpack", "--image", &format!("{}:1", text(&layout)), &bundle]);
            let numbers = format!("{bundle}/rootfs/numbers");
            assert_eq!(tool("tail", &["-n1", &numbers]).trim(), "300000");
        }
    }
}

#[test]
fn the_bytes_do_not_depend_on_the_number_of_threads() {
    let (context, out) = (context(), scratch());
    for compression in ["gzip", "zstd"] {
        let archive = |threads: &str| {
            let file = out.path().join(format!("{compression}-{threads}"));
            let output = format!(
                "type=oci,compression={compression},rewrite-timestamp=true,dest={}",
                text(&file)
            );
            let store = Store::new();
            let mut command = store.lap(&["build", "-q", "-o", &output, "--build-arg"]);
            // The layers are made twice, so their times have to be said.
            command.args(["SOURCE_DATE_EPOCH=1700000000", &text(context.path())]);
            command.env("RAYON_NUM_THREADS", threads);
            assert!(command.output().expect("lap").status.success());
            tool("tar", &["-xOf", &text(&file), "index.json"])
        };
        let output = [archive("1"), archive("2"), archive("7")];
        assert_eq!(output[0], output[1], "{compression}");
        assert_eq!(output[0], output[2], "{compression}");
    }
}

#[test]
fn all_layers_are_compressed_anew_where_that_is_asked_for() {
    let (store, context, out) = (Store::new(), context(), scratch());
    let archive = text(&out.path().join("a.tar"));
    for (compression, word) in [("zstd", "tar+zstd"), ("uncompressed", "tar"), ("gzip", "tar+gzip")]
    {
        let output =
            format!("type=oci,compression={compression},force-compression=true,dest={archive}");
        store.build_with("forced:1", context.path(), &["-o", &output]);
        let found = layers(&format!("oci-archive:{archive}:1"));
        assert_eq!(kinds(&found), [word; 3], "{compression}");
        let other = Store::new();
        other.ok(&["load", "-i", &archive]);
        let id = |store: &Store| store.ok(&["images", "-q", "--no-trunc", "forced:1"]);
        assert_eq!(id(&other), id(&store));
        assert_eq!(other.prints("forced:1", &["tail", "-n1", "/numbers"]), "300000");
    }
    let saved = text(&out.path().join("saved.tar"));
    store.ok(&["save", "--compression", "gzip", "--format", "oci", "-o", &saved, "forced:1"]);
    assert_eq!(kinds(&layers(&format!("oci-archive:{saved}:1")))[1..], ["tar+gzip"; 2]);
}

#[test]
fn documents_have_the_media_types_of_docker() {
    let (store, context) = (Store::new(), context());
    let name = format!("{}/form/app-{}:1", registry_address(), std::process::id());
    store.build_with(&name, context.path(), &["-o", "type=registry,oci-mediatypes=false"]);
    let manifest = json(&tool(
        "skopeo",
        &["inspect", "--raw", "--tls-verify=false", &format!("docker://{name}")],
    ));
    let docker = "application/vnd.docker";
    assert_eq!(manifest["mediaType"], format!("{docker}.distribution.manifest.v2+json"));
    assert_eq!(manifest["config"]["mediaType"], format!("{docker}.container.image.v1+json"));
    for layer in manifest["layers"].as_array().expect("layers") {
        assert_eq!(layer["mediaType"], format!("{docker}.image.rootfs.diff.tar.gzip"));
    }
    let other = Store::new();
    assert_eq!(other.prints(&name, &["tail", "-n1", "/numbers"]), "300000");
}

/// A layout is added to, and a name moves.
#[test]
fn a_folder_may_be_a_layout_already() {
    let (store, out) = (Store::new(), scratch());
    let layout = text(&out.path().join("layout"));
    let output = format!("type=oci,tar=false,dest={layout}");
    let context = Context::new("FROM scratch\nCOPY a /a\n").file("a", "one\n");
    let built = |tag: &str, content: &str| {
        context.write("a", content);
        store.build_with(tag, context.path(), &["-o", &output]);
    };
    built("app:1", "one\n");
    built("app:2", "two\n");
    built("app:1", "three\n");
    let index = json(&fs::read_to_string(format!("{layout}/index.json")).expect("index.json"));
    assert_eq!(index["manifests"].as_array().map(Vec::len), Some(2), "{index}");
    assert_eq!(tool("umoci", &["ls", "--layout", &layout]).split_whitespace().count(), 2);
    let hash = |tag: &str| json(&tool("skopeo", &["inspect", &format!("oci:{layout}:{tag}")]));
    assert_ne!(hash("1")["Digest"], hash("2")["Digest"]);
    fs::write(format!("{layout}/index.json"), "[]").expect("damage it");
    let context = text(context.path());
    store.answer(&["build", "-o", &output, &context]).ends_with(1).says(&["layout", "index.json"]);
}
