//! What is shown of an image, held against what skopeo reads of it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use lapstrake_image::Input;
use lapstrake_oci::Platform;
use serde_json::{Value, json};
use support::layout::{GZIP, Layout, base, upper};
use support::{Fixture, quiet, run};

/// The fields of `docker image inspect`, held against what skopeo reads from the same layout.
#[test]
fn inspect_and_history_show_what_the_config_says() {
    let fixture = Fixture::new();
    let mut layout = Layout::new(fixture.path("layout"));
    layout.image("one:1", &[(GZIP, base()), (GZIP, upper())]);
    let images = fixture.images();
    images.load(Input::Directory(&layout.path), &Platform::host(), &quiet).unwrap();
    let shown = images.inspect("one:1", None).unwrap();
    let one = images.find("one:1").unwrap();
    let source = format!("oci:{}:one:1", layout.path.display());
    let theirs = run("skopeo", &["inspect", "--config", &source]);
    let theirs: Value = serde_json::from_str(&theirs).unwrap();
    assert_eq!(shown["Id"], json!(one.id()));
    assert_eq!(shown["RepoTags"], json!(["one:1"]));
    assert_eq!(shown["RepoDigests"], json!([]));
    assert_eq!(shown["Created"], theirs["created"]);
    assert_eq!(shown["Architecture"], theirs["architecture"]);
    assert_eq!(shown["Os"], theirs["os"]);
    for field in ["Env", "Cmd", "Labels"] {
        assert_eq!(shown["Config"][field], theirs["config"][field], "{field}");
    }
    assert_eq!(shown["Config"]["User"], "");
    assert_eq!(shown["Config"]["Entrypoint"], Value::Null);
    assert_eq!(shown["RootFS"]["Layers"], theirs["rootfs"]["diff_ids"]);
    assert!(shown["Size"].as_u64().unwrap() > 1_600_000);
    assert!(shown["Metadata"]["LastTagTime"].as_str().unwrap().starts_with("20"));

    let rows = images.history("one:1", None).unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].id, Some(one.id()));
    assert_eq!(rows[1].id, None);
    assert_eq!(rows[1].created_by, "made here");
    assert_eq!(rows[0].size, "127.0.0.1 localhost\n".len() as u64 + "new".len() as u64);
}
