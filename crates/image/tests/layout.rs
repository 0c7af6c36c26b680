//! Single images of a layout, as named contexts want them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs;

use lapstrake_image::{Choice, Error, ResolvedImage};
use lapstrake_oci::{Digest, Platform};
use serde_json::json;
use support::layout::{GZIP, Layout, PLAIN, Tar};
use support::{Fixture, quiet};

fn tar(name: &str) -> Vec<u8> {
    Tar::new().file(name, 0o644, name.as_bytes()).finish()
}

fn image(fixture: &Fixture, layout: &Layout, choice: &Choice) -> Result<ResolvedImage, Error> {
    for_platform(fixture, layout, choice, "linux/amd64")
}

fn for_platform(
    fixture: &Fixture,
    layout: &Layout,
    choice: &Choice,
    platform: &str,
) -> Result<ResolvedImage, Error> {
    let platform = Platform::parse(platform).unwrap();
    fixture.images().layout(&layout.path, choice, &platform, &quiet)
}

fn refusal(result: Result<ResolvedImage, Error>) -> String {
    match result {
        Ok(image) => panic!("{}", image.digest),
        Err(error) => error.to_string(),
    }
}

#[test]
fn one_image_is_taken_and_nothing_else_is_read_or_named() {
    let fixture = Fixture::new();
    let mut layout = Layout::new(fixture.path("layout"));
    let one = layout.image("one", &[(GZIP, tar("one"))]);
    let latest = layout.image("latest", &[(GZIP, tar("latest"))]);
    // What nobody asked for may be missing.
    for blob in fs::read_dir(layout.path.join("blobs/sha256")).unwrap() {
        let path = blob.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if fs::read(&path).is_ok_and(|bytes| !bytes.starts_with(b"{")) && name != one.hex() {
            fs::remove_file(path).unwrap();
        }
    }
    let missing = image(&fixture, &layout, &Choice::Tag("one".into()));
    assert!(matches!(missing, Err(Error::Layer { .. })), "{missing:?}");
    let mut layout = Layout::new(fixture.path("layout2"));
    assert_eq!(layout.image("one", &[(GZIP, tar("one"))]), one);
    assert_eq!(image(&fixture, &layout, &Choice::Only).unwrap().digest, one);
    assert_eq!(layout.image("latest", &[(GZIP, tar("latest"))]), latest);
    for (choice, expected) in [
        (Choice::Only, latest),
        (Choice::Tag("one".into()), one),
        (Choice::Digest(one), one),
        (Choice::Digest(latest), latest),
    ] {
        let found = image(&fixture, &layout, &choice).unwrap();
        assert_eq!(found.digest, expected, "{choice:?}");
        assert_eq!(fixture.images().rootfs_of(&found).unwrap().len(), 1);
    }
    assert!(fixture.store.tags().unwrap().is_empty());
}

#[test]
fn an_index_gives_the_image_of_the_platform_and_a_manifest_any() {
    let fixture = Fixture::new();
    let mut layout = Layout::new(fixture.path("layout"));
    let arm = {
        let layer = tar("arm");
        layout.image_with("x", &[(PLAIN, layer.clone())], &json!([Digest::of(&layer)]), "arm64")
    };
    // One manifest is whatever it is.
    assert_eq!(image(&fixture, &layout, &Choice::Only).unwrap().digest, arm);
    let amd = layout.image("x", &[(PLAIN, tar("amd"))]);
    let index = layout.fold("latest");
    for choice in [Choice::Only, Choice::Tag("latest".into()), Choice::Digest(index)] {
        let found = |platform| for_platform(&fixture, &layout, &choice, platform).unwrap().digest;
        assert_eq!((found("linux/arm64"), found("linux/amd64")), (arm, amd), "{choice:?}");
        let none = for_platform(&fixture, &layout, &choice, "linux/s390x");
        assert!(matches!(none, Err(Error::NoPlatform { .. })), "{none:?}");
    }
}

#[test]
fn what_is_not_there_or_not_true_is_refused() {
    let fixture = Fixture::new();
    let empty = Layout::new(fixture.path("layout"));
    fs::write(empty.path.join("index.json"), r#"{"schemaVersion":2,"manifests":[]}"#).unwrap();
    let before = fixture.content();
    let text = refusal(image(&fixture, &empty, &Choice::Only));
    assert!(text.contains("no image with the tag latest; its tags are: none"), "{text}");
    let mut layout = empty;
    let digest = layout.image("a", &[(PLAIN, tar("a"))]);
    layout.image("b", &[(PLAIN, tar("b"))]);
    let text = refusal(image(&fixture, &layout, &Choice::Only));
    assert!(text.contains("the tag latest; its tags are: a, b"), "{text}");
    let text = refusal(image(&fixture, &layout, &Choice::Tag("c".into())));
    assert!(text.contains("the tag c; its tags are: a, b"), "{text}");
    let text = refusal(image(&fixture, &layout, &Choice::Digest(Digest::of(b""))));
    assert!(text.contains("the layout has no blob sha256:e3b0"), "{text}");
    let config = Choice::Digest(Digest::of(&fs::read(layout.path.join("index.json")).unwrap()));
    assert!(image(&fixture, &layout, &config).is_err());
    // A manifest that was changed keeps its name.
    let path = layout.path.join("blobs/sha256").join(digest.hex());
    fs::write(
        &path,
        fs::read_to_string(&path).unwrap().replace("schemaVersion\":2", "schemaVersion\":3"),
    )
    .unwrap();
    for choice in [Choice::Tag("a".into()), Choice::Digest(digest)] {
        let text = refusal(image(&fixture, &layout, &choice));
        assert!(text.contains("is not what its name says"), "{text}");
    }
    fs::remove_file(layout.path.join("oci-layout")).unwrap();
    let text = refusal(image(&fixture, &layout, &Choice::Only));
    assert!(text.contains("no OCI image layout"), "{text}");
    assert_eq!(fixture.content(), before);
}
