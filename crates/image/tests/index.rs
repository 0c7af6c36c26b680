//! Images for several platforms under one name.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs::{self, File};

use lapstrake_image::{Choice, Error, Form, Format, Removed};
use lapstrake_oci::{Digest, Platform, Reference};
use serde_json::{Value, json};
use support::layout::{GZIP, Layout, Tar, base};
use support::registry::Registry;
use support::{Fixture, quiet, run};

const NAME: &str = "docker.io/library/many:1";

fn reference(text: &str) -> Reference {
    Reference::parse(text).unwrap()
}

fn platform(architecture: &str) -> Platform {
    Platform::new("linux", architecture, "")
}

/// A store with an index for these architectures, of which some are there.
struct Many {
    fixture: Fixture,
    index: Digest,
    manifests: Vec<Digest>,
}

impl Many {
    fn new(offered: &[&str], here: &[&str]) -> Self {
        let fixture = Fixture::new();
        let mut layout = Layout::new(fixture.path("layout"));
        let manifests = offered.iter().map(|architecture| {
            let own = Tar::new().file("arch", 0o644, architecture.as_bytes()).finish();
            let layers = [(GZIP, base()), (GZIP, own)];
            let diff_ids = json!(layers.iter().map(|(_, tar)| Digest::of(tar)).collect::<Vec<_>>());
            layout.image_with(architecture, &layers, &diff_ids, architecture)
        });
        let manifests = manifests.collect();
        let index = layout.fold("many");
        for architecture in here {
            let images = fixture.images();
            images.layout(&layout.path, &Choice::Only, &platform(architecture), &quiet).unwrap();
        }
        let bytes = fs::read(layout.path.join("blobs/sha256").join(index.hex())).unwrap();
        assert_eq!(fixture.store.put_blob(&bytes).unwrap(), index);
        fixture.store.set_tag(NAME, &index).unwrap();
        Self { fixture, index, manifests }
    }

    fn save(&self, names: &[&str], format: Format) -> Result<std::path::PathBuf, Error> {
        let path = self.fixture.path("saved.tar");
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        self.fixture.images().save(
            &names,
            &Form::default(),
            format,
            &mut File::create(&path).unwrap(),
        )?;
        Ok(path)
    }
}

#[test]
fn a_name_means_the_image_of_this_machine_else_the_first_one() {
    let host = Platform::host().architecture;
    let many = Many::new(&["s390x", &host], &["s390x", &host]);
    let images = many.fixture.images();
    let (other, own) = (many.manifests[0], many.manifests[1]);
    for name in ["many:1", &many.index.to_string(), &many.index.hex()[..12]] {
        assert_eq!(images.find(name).unwrap().digest, own, "{name}");
        assert_eq!(images.find_for(name, &platform("s390x")).unwrap().digest, other);
        let error = images.find_for(name, &platform("riscv64")).unwrap_err();
        assert!(matches!(error, Error::NoPlatform { .. }), "{error}");
    }
    // By its id each can be had.
    let other_id = images.find_for("many:1", &platform("s390x")).unwrap().id();
    assert_eq!(images.find(&other_id.hex()).unwrap().digest, other);
    let shown = images.inspect("many:1", None).unwrap();
    assert_eq!((&shown["Architecture"], &shown["RepoTags"]), (&json!(host), &json!(["many:1"])));
    let list = images.list().unwrap();
    assert!(list.iter().all(|image| image.names == [reference("many:1")]), "{list:?}");
    assert_eq!(list.len(), 2);
    // The store's own layout says what the name stands for.
    let layout = fs::read(many.fixture.store.root().join("index.json")).unwrap();
    let layout: Value = serde_json::from_slice(&layout).unwrap();
    let entry = &layout["manifests"][0];
    assert_eq!(entry["mediaType"], "application/vnd.oci.image.index.v1+json");
    assert_eq!(entry["digest"], many.index.to_string());

    let without = Many::new(&["s390x", "riscv64"], &["s390x", "riscv64"]);
    assert_eq!(without.fixture.images().find("many:1").unwrap().digest, without.manifests[0]);
}

#[test]
fn an_index_is_saved_as_it_is_and_other_tools_take_it() {
    let many = Many::new(&["amd64", "arm64"], &["amd64", "arm64"]);
    let archive = many.save(&["many:1"], Format::Oci).unwrap();
    let source = format!("oci-archive:{}:{NAME}", archive.display());
    let raw = run("skopeo", &["inspect", "--raw", &source.replace(&format!(":{NAME}"), "")]);
    assert_eq!(Digest::of(raw.as_bytes()), many.index);
    let copy = many.fixture.path("copy");
    let source = format!("oci-archive:{}", archive.display());
    run("skopeo", &["copy", "--all", &source, &format!("oci:{}:x", copy.display())]);
    for architecture in ["amd64", "arm64"] {
        let source = format!("oci:{}:x", copy.display());
        let flag = ["--override-arch", architecture, "inspect", &source];
        let seen: Value = serde_json::from_str(&run("skopeo", &flag)).unwrap();
        assert_eq!(seen["Architecture"], architecture);
    }
    let error = many.save(&["many:1"], Format::Docker).unwrap_err().to_string();
    assert!(error.contains("many:1 is several images, for linux/amd64, linux/arm64"), "{error}");
    // One by its id can go.
    let images = many.fixture.images();
    let id = images.find_for("many:1", &platform("arm64")).unwrap().id();
    many.save(&[&id.hex()], Format::Docker).unwrap();
}

#[test]
fn what_is_missing_of_an_index_is_left_out_of_an_archive() {
    let many = Many::new(&["amd64", "arm64", "s390x"], &["arm64"]);
    let inspect = |archive: &std::path::Path| {
        let source = format!("oci-archive:{}", archive.display());
        let raw = run("skopeo", &["inspect", "--raw", &source]);
        (Digest::of(raw.as_bytes()), serde_json::from_str::<Value>(&raw).unwrap())
    };
    let (digest, _) = inspect(&many.save(&["many:1"], Format::Oci).unwrap());
    assert_eq!(digest, many.manifests[1]);
    many.save(&["many:1"], Format::Docker).unwrap();
    let many = Many::new(&["amd64", "arm64", "s390x"], &["arm64", "s390x"]);
    let archive = many.save(&["many:1"], Format::Oci).unwrap();
    let (_, index) = inspect(&archive);
    let digests: Vec<_> =
        index["manifests"].as_array().unwrap().iter().map(|entry| &entry["digest"]).collect();
    assert_eq!(digests, [&json!(many.manifests[1]), &json!(many.manifests[2])]);
    let source = format!("oci-archive:{}", archive.display());
    let copy = format!("oci:{}:x", many.fixture.path("copy").display());
    run("skopeo", &["copy", "--all", &source, &copy]);
}

#[test]
fn an_index_is_pushed_as_it_is_or_with_what_is_here() {
    let registry = Registry::start();
    let pushed = |many: &Many| {
        let images = many.fixture.images();
        let name = reference(&format!("{}/many:1", registry.host));
        images.tag("many:1", &name).unwrap();
        let pushed = images.push(&name, &Form::default(), &quiet).unwrap();
        let source = format!("docker://{name}");
        let raw = run("skopeo", &["inspect", "--tls-verify=false", "--raw", &source]);
        assert_eq!(Digest::of(raw.as_bytes()), pushed.digest);
        let copy = format!("dir:{}", many.fixture.path("pushed").display());
        run("skopeo", &["copy", "--all", "--src-tls-verify=false", &source, &copy]);
        (pushed.digest, serde_json::from_str::<Value>(&raw).unwrap())
    };
    let many = Many::new(&["amd64", "arm64"], &["amd64", "arm64"]);
    assert_eq!(pushed(&many).0, many.index);
    let many = Many::new(&["amd64", "arm64", "s390x"], &["amd64", "s390x"]);
    let (_, index) = pushed(&many);
    let entries = index["manifests"].as_array().unwrap();
    let architectures: Vec<_> =
        entries.iter().map(|entry| &entry["platform"]["architecture"]).collect();
    assert_eq!(architectures, ["amd64", "s390x"]);
    let many = Many::new(&["amd64", "arm64"], &["arm64"]);
    assert_eq!(pushed(&many).0, many.manifests[1]);
}

#[test]
fn one_platform_of_an_index_can_be_pushed() {
    let registry = Registry::start();
    let many = Many::new(&["amd64", "arm64"], &["amd64", "arm64"]);
    let images = many.fixture.images();
    let name = reference(&format!("{}/many:arm", registry.host));
    images.tag("many:1", &name).unwrap();
    let (arm, none) = (platform("arm64"), platform("s390x"));
    let pushed = images.push_for(&name, Some(&arm), &Form::default(), &quiet).unwrap();
    assert_eq!(pushed.digest, many.manifests[1]);
    let error = images.push_for(&name, Some(&none), &Form::default(), &quiet).unwrap_err();
    assert!(matches!(error, Error::NoPlatform { .. }), "{error}");
}

#[test]
fn the_last_name_of_an_index_takes_all_its_images() {
    let many = Many::new(&["amd64", "arm64"], &["amd64", "arm64"]);
    let images = many.fixture.images();
    images.tag("many:1", &reference("other:2")).unwrap();
    let arm = images.find_for("many:1", &platform("arm64")).unwrap();
    images.tag(&arm.id().hex(), &reference("arm:1")).unwrap();
    assert_eq!(images.remove("many:1", false).unwrap(), [Removed::Untagged(reference("many:1"))]);
    assert_eq!(images.find("other:2").unwrap().config.architecture, "amd64");
    let removed = images.remove("other:2", false).unwrap();
    let deleted = removed.iter().filter(|one| matches!(one, Removed::Deleted(_))).count();
    // The config and the one layer that the other image does not have.
    assert_eq!((removed.len(), deleted), (3, 2), "{removed:?}");
    assert_eq!(images.rootfs_of(&arm).unwrap().len(), 2);
    images.remove("arm:1", false).unwrap();
    let left: Vec<String> = many.fixture.content();
    assert!(left.is_empty(), "{left:?}");

    // By the id of one image goes its index, and so the others.
    let many = Many::new(&["amd64", "arm64"], &["amd64", "arm64"]);
    let images = many.fixture.images();
    let id = images.find_for("many:1", &platform("arm64")).unwrap().id();
    let removed = images.remove(&id.hex(), false).unwrap();
    assert_eq!(removed[0], Removed::Untagged(reference("many:1")));
    assert!(images.list().unwrap().is_empty());
}
