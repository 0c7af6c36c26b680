//! What leaves the store: other tools accept it, and it is the same each time.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs::{self, File};
use std::path::Path;

use lapstrake_image::{Error, Form, Format, ImportOptions, Input};
use lapstrake_oci::{
    Compression, Descriptor, Digest, ImageConfig, Manifest, MediaType, Platform, Reference, RootFs,
};
use lapstrake_rootfs::{LayerId, LayerWriter, Meta, Timestamp, TreePath, View, tar};
use serde_json::Value;
use std::os::fd::AsFd as _;
use support::layout::{GZIP, Layout, base, upper};
use support::{Fixture, overlay_tree, quiet, run, tree};

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn save(fixture: &Fixture, images: &[&str], format: Format, to: &Path) {
    let mut file = File::create(to).unwrap();
    fixture.images().save(&names(images), &Form::default(), format, &mut file).unwrap();
}

fn loaded() -> Fixture {
    let fixture = Fixture::new();
    let mut layout = Layout::new(fixture.path("layout"));
    layout.image("small:1", &[(GZIP, base()), (GZIP, upper())]);
    fixture.images().load(Input::Directory(&layout.path), &Platform::host(), &quiet).unwrap();
    fixture
}

/// Adds a layer as a build does: committed, its diff id noted, its tar not materialized.
fn build(fixture: &Fixture, from: &str, name: &str) -> Digest {
    let store = &fixture.store;
    let base = fixture.images().find(from).unwrap();
    let staging = store.stage_layer().unwrap();
    let lower = base
        .layers()
        .map(|(_, diff_id)| store.layer(&LayerId::Image(diff_id)).unwrap().unwrap().manifest);
    let lower = View::new(lower.collect());
    let mut writer = LayerWriter::new(staging.open_fs().unwrap(), lower).unwrap();
    let meta = Meta::of_root(0o644, Timestamp { seconds: 1_700_000_000, nanoseconds: 0 });
    writer.file(&TreePath::from("built"), &meta, &mut b"built here".as_slice()).unwrap();
    writer.whiteout(&TreePath::from("home")).unwrap();
    let manifest = writer.finish().unwrap();
    let id = LayerId::Built(manifest.content_hash());
    let layer = store.commit_layer(staging, id, manifest).unwrap();
    let folder = File::open(&layer.path).unwrap();
    let (diff_id, size) = tar::diff_id(folder.as_fd(), &layer.manifest).unwrap();
    store.put_diff_id(&id, &diff_id, size).unwrap();
    let mut diff_ids = base.config.rootfs.diff_ids.clone();
    diff_ids.push(diff_id);
    let config = ImageConfig { rootfs: RootFs::new(diff_ids), history: Vec::new(), ..base.config };
    let config = config.to_bytes().unwrap();
    let mut layers = base.manifest.layers.clone();
    layers.push(Descriptor::new(MediaType::OciLayer(Compression::None), diff_id, size));
    let descriptor = Descriptor::of(MediaType::OciConfig, &config);
    let manifest = Manifest::new(MediaType::OciManifest, descriptor, layers).to_bytes().unwrap();
    store.put_blob(&config).unwrap();
    let digest = store.put_blob(&manifest).unwrap();
    store.set_tag(&Reference::parse(name).unwrap().to_string(), &digest).unwrap();
    assert!(!store.blob_path(&diff_id).exists());
    digest
}

#[test]
fn skopeo_and_umoci_take_a_built_image_and_see_the_same_tree() {
    let fixture = loaded();
    let digest = build(&fixture, "small:1", "built:1");
    let archive = fixture.path("built.tar");
    save(&fixture, &["built:1"], Format::Oci, &archive);
    let source = format!("oci-archive:{}", archive.display());
    let seen: Value = serde_json::from_str(&run("skopeo", &["inspect", &source])).unwrap();
    assert_eq!(seen["Digest"], digest.to_string());
    assert_eq!(seen["Layers"].as_array().unwrap().len(), 3);
    let copy = fixture.path("copy");
    run("skopeo", &["copy", &source, &format!("oci:{}:x", copy.display())]);
    let bundle = fixture.path("bundle");
    let image = format!("{}:x", copy.display());
    run("umoci", &["unpack", "--image", &image, bundle.to_str().unwrap()]);
    let image = fixture.images().find("built:1").unwrap();
    let lower = fixture.images().rootfs_of(&image).unwrap();
    let theirs = tree(&bundle.join("rootfs"));
    assert!(theirs.contains("./built") && !theirs.contains("./home"), "{theirs}");
    assert_eq!(overlay_tree(&lower, &fixture.path("overlay")), theirs);
}

#[test]
fn skopeo_takes_docker_archives_and_another_store_takes_both() {
    let fixture = loaded();
    let digest = build(&fixture, "small:1", "built:1");
    for (format, transport) in [(Format::Oci, "oci-archive"), (Format::Docker, "docker-archive")] {
        let archive = fixture.path(transport);
        save(&fixture, &["built:1"], format, &archive);
        let source = format!("{transport}:{}", archive.display());
        let config = run("skopeo", &["inspect", "--config", "--raw", &source]);
        let image = fixture.images().find("built:1").unwrap();
        assert_eq!(Digest::of(config.as_bytes()), image.id(), "{transport}");
        let to = fixture.path(&format!("{transport}-copy"));
        run("skopeo", &["copy", &source, &format!("dir:{}", to.display())]);
        let other = Fixture::new();
        let loaded = other.load(&archive).unwrap();
        assert_eq!(loaded[0].names, ["docker.io/library/built:1"]);
        assert_eq!(loaded[0].manifest, digest);
        let same = other.images().find("built:1").unwrap();
        let (ours, theirs) = (fixture.images(), other.images());
        assert_eq!(
            overlay_tree(&theirs.rootfs_of(&same).unwrap(), &other.path("overlay")),
            overlay_tree(&ours.rootfs_of(&image).unwrap(), &fixture.path("overlay"))
        );
    }
    // What only a docker archive has.
    let list = run("tar", &["-tf", fixture.path("docker-archive").to_str().unwrap()]);
    let first: Vec<&str> = list.lines().take(4).collect();
    assert_eq!(first, ["oci-layout", "index.json", "manifest.json", "repositories"]);
}

#[test]
fn saving_twice_gives_the_same_bytes_and_shared_layers_once() {
    let fixture = loaded();
    build(&fixture, "small:1", "built:1");
    fixture.images().tag("built:1", &Reference::parse("other/name:2").unwrap()).unwrap();
    let images = ["small:1", "built:1", "other/name:2"];
    for format in [Format::Oci, Format::Docker] {
        let (one, two) = (fixture.path("one.tar"), fixture.path("two.tar"));
        save(&fixture, &images, format, &one);
        save(&fixture, &images, format, &two);
        assert_eq!(fs::read(&one).unwrap(), fs::read(&two).unwrap());
        let list = run("tar", &["-tf", one.to_str().unwrap()]);
        let blobs: Vec<&str> = list.lines().filter(|name| name.starts_with("blobs/")).collect();
        // Two manifests, two configs, three layers.
        assert_eq!(blobs.len(), 7, "{list}");
        let other = Fixture::new();
        let loaded = other.load(&one).unwrap();
        let mut names: Vec<String> = loaded.into_iter().flat_map(|image| image.names).collect();
        names.sort();
        let expected =
            ["docker.io/library/built:1", "docker.io/library/small:1", "docker.io/other/name:2"];
        assert_eq!(names, expected);
    }
    // By name out of several, as skopeo picks them.
    save(&fixture, &["small:1", "built:1"], Format::Docker, &fixture.path("one.tar"));
    let source = format!("docker-archive:{}:small:1", fixture.path("one.tar").display());
    run("skopeo", &["inspect", &source]);
}

#[test]
fn damage_in_the_store_does_not_leave_it() {
    let fixture = loaded();
    build(&fixture, "small:1", "built:1");
    let image = fixture.images().find("built:1").unwrap();
    let save = || {
        fixture.images().save(
            &names(&["built:1"]),
            &Form::default(),
            Format::Oci,
            &mut std::io::sink(),
        )
    };
    save().unwrap();
    // A compressed blob that changed.
    let blob = fixture.store.blob_path(&image.manifest.layers[0].digest);
    let right = fs::read(&blob).unwrap();
    let mut wrong = right.clone();
    wrong[100] ^= 1;
    fs::write(&blob, wrong).unwrap();
    assert!(matches!(save().unwrap_err(), Error::Damaged { .. }));
    fs::remove_file(&blob).unwrap();
    let missing = save().unwrap_err();
    assert!(matches!(missing, Error::BlobMissing { .. }));
    assert!(missing.to_string().ends_with("pull or load built:1 or small:1 again"), "{missing}");
    fs::write(&blob, right).unwrap();
    // A file in the directory of a built layer.
    let built = fixture.store.locate(&LayerId::Image(image.config.rootfs.diff_ids[2])).unwrap();
    let file = fixture.store.layer_path(&built.unwrap()).join("built");
    fs::write(&file, "built h3re").unwrap();
    assert!(matches!(save().unwrap_err(), Error::Damaged { .. }));
    fs::write(&file, "built here, longer").unwrap();
    save().unwrap_err();
}

#[test]
fn an_imported_root_file_system_is_an_image() {
    let fixture = Fixture::new();
    let name = Reference::parse("imported:1").unwrap();
    let packed = support::layout::gzip(&base());
    for (reader, with_name) in [(packed.as_slice(), Some(&name)), (base().as_slice(), None)] {
        let options = ImportOptions::default();
        let loaded = fixture.images().import(reader, with_name, &options).unwrap();
        let image = fixture.images().find(&loaded.id.to_string()).unwrap();
        assert_eq!(image.config.rootfs.diff_ids, [Digest::of(&base())]);
        assert_eq!(image.config.history[0].comment, "Imported from -");
    }
    let archive = fixture.path("imported.tar");
    save(&fixture, &["imported:1"], Format::Oci, &archive);
    run("skopeo", &["inspect", &format!("oci-archive:{}", archive.display())]);
    let image = fixture.images().find("imported:1").unwrap();
    let theirs = fixture.path("theirs");
    fs::create_dir(&theirs).unwrap();
    let tar = fixture.path("base.tar");
    fs::write(&tar, base()).unwrap();
    run("tar", &["-xpf", tar.to_str().unwrap(), "-C", theirs.to_str().unwrap()]);
    let lower = fixture.images().rootfs_of(&image).unwrap();
    assert_eq!(overlay_tree(&lower, &fixture.path("overlay")), tree(&theirs));

    let before = fixture.content();
    let options = ImportOptions::default();
    let images = fixture.images();
    for wrong in [&b"no tar at all"[..], &[], &base()[..5000], &packed[..packed.len() / 2]] {
        images.import(wrong, Some(&name), &options).unwrap_err();
        assert_eq!(fixture.content(), before);
    }
}
