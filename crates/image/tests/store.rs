//! Listing, finding, showing, naming and removing what is in the store.
//!
//! No test here starts a process: between fork and exec it would hold our locks, and removing
//! would see the store in use.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs;

use lapstrake_image::{Error, Input, Removed};
use lapstrake_oci::{Digest, Platform, Reference};
use support::layout::{GZIP, Layout, PLAIN, base, upper};
use support::{Fixture, quiet};

fn reference(text: &str) -> Reference {
    Reference::parse(text).unwrap()
}

/// `one:1` and `two:1`, which share a layer.
fn fixture() -> Fixture {
    let fixture = Fixture::new();
    let mut layout = Layout::new(fixture.path("layout"));
    layout.image("one:1", &[(GZIP, base()), (GZIP, upper())]);
    layout.image("two:1", &[(GZIP, base())]);
    fixture.images().load(Input::Directory(&layout.path), &Platform::host(), &quiet).unwrap();
    fixture
}

#[test]
fn images_are_listed_and_found_by_name_and_id() {
    let fixture = fixture();
    let images = fixture.images();
    let list = images.list().unwrap();
    let names: Vec<String> = list.iter().map(|image| image.names[0].familiar()).collect();
    assert_eq!(names, ["one:1", "two:1"]);
    let one = images.find("one:1").unwrap();
    assert_eq!(list[0].id, one.id());
    assert!(list[0].size > list[1].size && list[1].size > 1_600_000);
    for name in ["docker.io/library/one:1", &one.id().to_string(), &one.id().hex()[..12]] {
        assert_eq!(images.find(name).unwrap().digest, one.digest);
    }
    let by_digest = format!("one@{}", one.digest);
    assert_eq!(images.find(&by_digest).unwrap().digest, one.digest);
    for missing in ["three", "one:2", "zz", "", "sha256:", &format!("three@{}", one.digest)] {
        let error = images.find(missing).unwrap_err().to_string();
        assert_eq!(error, format!("No such image: {missing}"));
    }
}

#[test]
fn an_id_that_begins_several_images_is_refused() {
    let fixture = Fixture::new();
    let mut layout = Layout::new(fixture.path("layout"));
    // Seventeen ids: two of them begin alike.
    for n in 0..17 {
        let tar = support::layout::Tar::new().file(&format!("f{n}"), 0o644, b"x").finish();
        layout.image(&format!("i{n}:1"), &[(PLAIN, tar)]);
    }
    let images = fixture.images();
    let loaded = images.load(Input::Directory(&layout.path), &Platform::host(), &quiet).unwrap();
    let ids: Vec<String> = loaded.iter().map(|image| image.id.hex()).collect();
    let twice = ids.iter().find(|id| ids.iter().filter(|other| other[..1] == id[..1]).count() > 1);
    let error = images.find(&twice.unwrap()[..1]).unwrap_err();
    assert!(matches!(error, Error::AmbiguousId { .. }), "{error}");
}

#[test]
fn a_name_that_moves_leaves_its_image_without_one() {
    let fixture = fixture();
    let images = fixture.images();
    let two = images.find("two:1").unwrap();
    images.tag("one:1", &reference("two:1")).unwrap();
    assert_eq!(images.find("two:1").unwrap().digest, images.find("one:1").unwrap().digest);
    let list = images.list().unwrap();
    let nameless = list.iter().find(|image| image.names.is_empty()).unwrap();
    assert_eq!(nameless.id, two.id());
    assert!(images.tag("three", &reference("x:1")).is_err());
    let with_digest = reference("x").with_digest(two.digest);
    assert!(matches!(images.tag("one:1", &with_digest), Err(Error::DigestAsTag { .. })));
    let removed = images.remove(&two.id().hex()[..12], false).unwrap();
    assert_eq!(removed, [Removed::Deleted(two.id())]);
}

#[test]
fn the_last_name_takes_what_no_other_image_has() {
    let fixture = fixture();
    let images = fixture.images();
    let one = images.find("one:1").unwrap();
    images.tag("one:1", &reference("other/one:2")).unwrap();
    let error = images.remove(&one.id().hex(), false).unwrap_err().to_string();
    assert!(error.contains("other/one:2"), "{error}");
    // Only a name.
    let removed = images.remove("one:1", false).unwrap();
    assert_eq!(removed, [Removed::Untagged(reference("one:1"))]);
    images.rootfs_of(&one).unwrap();

    let removed = images.remove("other/one:2", false).unwrap();
    let top = one.config.rootfs.diff_ids[1];
    let expected = [
        Removed::Untagged(reference("other/one:2")),
        Removed::Deleted(one.id()),
        Removed::Deleted(top),
    ];
    assert_eq!(removed, expected);
    // The other image is whole, and nothing else is there.
    let two = images.find("two:1").unwrap();
    assert_eq!(images.rootfs_of(&two).unwrap().len(), 1);
    let count = |folder: &str| fs::read_dir(fixture.store.root().join(folder)).unwrap().count();
    assert_eq!((count("blobs/sha256"), count("layers"), count("tmp")), (3, 1, 0));

    images.remove("two:1", false).unwrap();
    assert_eq!((count("blobs/sha256"), count("layers"), count("tmp")), (0, 0, 0));
    let error = images.remove("two:1", false).unwrap_err();
    assert_eq!(error.to_string(), "No such image: two:1");
}

#[test]
fn force_removes_all_names() {
    let fixture = fixture();
    let images = fixture.images();
    let id: Digest = images.find("one:1").unwrap().id();
    images.tag("one:1", &reference("one:2")).unwrap();
    assert!(matches!(images.remove(&id.hex(), false), Err(Error::Conflict { .. })));
    let removed = images.remove(&id.hex(), true).unwrap();
    assert_eq!(
        removed[..3],
        [
            Removed::Untagged(reference("one:1")),
            Removed::Untagged(reference("one:2")),
            Removed::Deleted(id),
        ]
    );
}

#[test]
fn what_is_in_use_keeps_its_bytes() {
    let fixture = fixture();
    let images = fixture.images();
    let one = images.find("one:1").unwrap();
    let lease = fixture.store.lease().unwrap();
    let removed = images.remove("one:1", false).unwrap();
    assert_eq!(removed, [Removed::Untagged(reference("one:1"))]);
    assert_eq!(images.rootfs_of(&one).unwrap().len(), 2);
    drop(lease);
    // A later try, by id.
    let removed = images.remove(&one.id().hex(), false).unwrap();
    assert_eq!(removed[0], Removed::Deleted(one.id()));
}
