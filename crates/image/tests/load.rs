//! Loading what other tools made, and refusing what is not what it says.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;

use lapstrake_image::{Error, Input, LayerFault};
use lapstrake_oci::{Digest, Platform};
use lapstrake_rootfs::{LayerId, TreePath};
use serde_json::json;
use support::layout::{GZIP, Layout, PLAIN, Tar, ZSTD, base, docker_archive, upper};
use support::{Fixture, overlay_tree, quiet, run, tree};
use tar::EntryType;

fn layout(fixture: &Fixture) -> Layout {
    let mut layout = Layout::new(fixture.path("layout"));
    layout.image("small:1", &[(GZIP, base()), (PLAIN, upper())]);
    layout
}

/// All causes in one line.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

#[test]
fn a_layout_is_loaded_as_tar_and_as_directory() {
    for pack in [true, false] {
        let fixture = Fixture::new();
        let layout = layout(&fixture);
        let archive = fixture.path("small.tar");
        layout.pack(&archive);
        let loaded = match pack {
            true => fixture.load(&archive).unwrap(),
            false => fixture
                .images()
                .load(Input::Directory(&layout.path), &Platform::host(), &quiet)
                .unwrap(),
        };
        assert_eq!(loaded.len(), 1);
        assert_eq!(loaded[0].names, ["docker.io/library/small:1"]);
        let image = fixture.images().find("small:1").unwrap();
        assert_eq!(image.digest, loaded[0].manifest);
        // The compressed blobs are those of the layout, byte for byte.
        for layer in &image.manifest.layers {
            let theirs = fs::read(layout.path.join("blobs/sha256").join(layer.digest.hex()));
            assert_eq!(fs::read(fixture.store.blob_path(&layer.digest)).unwrap(), theirs.unwrap());
        }
    }
}

/// The same tree as umoci's, also where a layer's tar does not name a directory that it needs.
#[test]
fn the_layers_show_the_tree_that_umoci_unpacks() {
    let fixture = Fixture::new();
    let layout = layout(&fixture);
    fixture.images().load(Input::Directory(&layout.path), &Platform::host(), &quiet).unwrap();
    let image = fixture.images().find("small:1").unwrap();
    let lower = fixture.images().rootfs_of(&image).unwrap();
    let bundle = fixture.path("bundle");
    let name = format!("{}:small:1", layout.path.display());
    // umoci takes what follows the first colon as the tag.
    let tagged = name.replace(":small:1", ":x");
    let index = layout.path.join("index.json");
    fs::write(&index, fs::read_to_string(&index).unwrap().replace("small:1", "x")).unwrap();
    run("umoci", &["unpack", "--image", &tagged, bundle.to_str().unwrap()]);
    let theirs = tree(&bundle.join("rootfs"));
    assert!(theirs.contains("d 750 7 8 "), "{theirs}");
    assert_eq!(overlay_tree(&lower, &fixture.path("overlay")), theirs);
}

/// A directory that is named counts as it is named, even when it looks as if it were not.
#[test]
fn a_named_directory_of_time_zero_is_not_taken_for_one_that_is_not_named() {
    let fixture = Fixture::new();
    let mut layout = Layout::new(fixture.path("layout"));
    let named = Tar::new()
        .at(0)
        .directory("etc/", 0o755, (0, 0))
        .file("etc/a", 0o644, b"a")
        .file("old/b", 0o644, b"b")
        .finish();
    layout.image("x", &[(GZIP, base()), (GZIP, named)]);
    let loaded =
        fixture.images().load(Input::Directory(&layout.path), &Platform::host(), &quiet).unwrap();
    let image = fixture.images().image(&loaded[0].manifest).unwrap().unwrap();
    let lower = fixture.images().rootfs_of(&image).unwrap();
    let bundle = fixture.path("bundle");
    let name = format!("{}:x", layout.path.display());
    run("umoci", &["unpack", "--image", &name, bundle.to_str().unwrap()]);
    let theirs = tree(&bundle.join("rootfs"));
    assert!(theirs.contains("d 755 0 0 0.0000000000 ./etc\n"), "{theirs}");
    assert!(theirs.contains("d 1777 0 0 1700000000.0000000000 ./old\n"), "{theirs}");
    assert_eq!(overlay_tree(&lower, &fixture.path("overlay")), theirs);
    // The manifest says the same as the disk.
    let layer = LayerId::Image(image.config.rootfs.diff_ids[1]);
    let layer = fixture.store.layer(&layer).unwrap().unwrap();
    let old = layer.manifest.entry(&TreePath::from("old")).unwrap();
    assert_eq!((old.mode, old.mtime.seconds), (0o1777, 1_700_000_000));
}

#[test]
fn archives_of_skopeo_and_every_compression() {
    let fixture = Fixture::new();
    let layout = layout(&fixture);
    let plain = fixture.path("small.tar");
    let from = format!("oci:{}:small:1", layout.path.display());
    let docker = fixture.path("docker.tar");
    let to = format!("docker-archive:{}:small:2", docker.display());
    run("skopeo", &["copy", &from, &to]);
    let oci = fixture.path("oci.tar");
    run("skopeo", &["copy", &from, &format!("oci-archive:{}:small:3", oci.display())]);
    layout.pack(&plain);
    let text = plain.to_str().unwrap();
    run("gzip", &["-k", text]);
    run("xz", &["-k", "-1", text]);
    let zstd = fixture.path("small.tar.zst");
    fs::write(&zstd, zstd::encode_all(fs::File::open(&plain).unwrap(), 3).unwrap()).unwrap();
    let expected: Vec<Digest> = [base(), upper()].iter().map(|tar| Digest::of(tar)).collect();
    for name in ["docker.tar", "oci.tar", "small.tar.gz", "small.tar.xz", "small.tar.zst"] {
        let other = Fixture::new();
        let loaded = other.load(&fixture.path(name)).unwrap();
        let image = other.images().find(&loaded[0].names[0]).unwrap();
        assert_eq!(image.config.rootfs.diff_ids, expected, "{name}");
        assert_eq!(other.images().rootfs_of(&image).unwrap().len(), 2);
        assert_eq!(fs::read_dir(other.store.root().join("tmp")).unwrap().count(), 0);
    }
}

#[test]
fn a_docker_archive_with_links_and_without_names() {
    let fixture = Fixture::new();
    let archive = fixture.path("docker.tar");
    let tar = docker_archive(&[], &[base(), upper()]);
    fs::write(&archive, tar.finish()).unwrap();
    let loaded = fixture.load(&archive).unwrap();
    assert!(loaded[0].names.is_empty());
    // By id, and by a beginning of it.
    let id = loaded[0].id.hex();
    assert_eq!(fixture.images().find(&id[..1]).unwrap().digest, loaded[0].manifest);
    assert_eq!(fixture.images().find(&format!("sha256:{id}")).unwrap().id(), loaded[0].id);

    // A layer that another image has is a link, in older archives.
    let config = serde_json::to_vec(&json!({
        "architecture": "amd64", "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [Digest::of(&upper())]},
    }))
    .unwrap();
    let manifest =
        json!([{"Config": "c.json", "RepoTags": ["linked:1"], "Layers": ["a/layer.tar"]}]);
    let tar = Tar::new()
        .file("b/layer.tar", 0o644, &upper())
        .link(EntryType::Symlink, "a/layer.tar", "../b/layer.tar")
        .file("c.json", 0o644, &config)
        .file("manifest.json", 0o644, &serde_json::to_vec(&manifest).unwrap());
    fs::write(&archive, tar.finish()).unwrap();
    assert_eq!(fixture.load(&archive).unwrap()[0].names, ["docker.io/library/linked:1"]);
}

#[test]
fn of_several_platforms_the_wanted_one_is_loaded() {
    let fixture = Fixture::new();
    let mut layout = Layout::new(fixture.path("layout"));
    for (architecture, tar) in [("arm64", upper()), ("amd64", base())] {
        let diff_ids = json!([Digest::of(&tar)]);
        layout.image_with("many:1", &[(ZSTD, tar)], &diff_ids, architecture);
    }
    let load = |platform: &str| {
        let platform = Platform::parse(platform).unwrap();
        fixture.images().load(Input::Directory(&layout.path), &platform, &quiet)
    };
    load("linux/arm64").unwrap();
    let image = fixture.images().find("many:1").unwrap();
    assert_eq!(image.config.architecture, "arm64");
    let error = chain(&load("linux/s390x").unwrap_err());
    assert!(error.contains("only for linux/arm64, linux/amd64"), "{error}");
}

#[test]
fn two_images_share_layers_and_repeat_them() {
    let fixture = Fixture::new();
    let mut layout = Layout::new(fixture.path("layout"));
    layout.image("one:1", &[(GZIP, base()), (GZIP, upper()), (GZIP, upper())]);
    layout.image("two:1", &[(PLAIN, base())]);
    fixture.images().load(Input::Directory(&layout.path), &Platform::host(), &quiet).unwrap();
    let one = fixture.images().find("one:1").unwrap();
    assert_eq!(fixture.images().rootfs_of(&one).unwrap().len(), 3);
    assert_eq!(fs::read_dir(fixture.store.root().join("layers")).unwrap().count(), 2);
    // The other form of the same layer is kept as well, so that it can leave again.
    let two = fixture.images().find("two:1").unwrap();
    let layer = &two.manifest.layers[0];
    assert!(fixture.store.has_blob(&layer.digest, layer.size));
}

/// Loads `archive`, which must fail, and checks that the store is as before.
fn refuse(fixture: &Fixture, archive: &Path) -> String {
    let before = fixture.content();
    let error = chain(&fixture.load(archive).unwrap_err());
    assert_eq!(fixture.content(), before, "{error}");
    error
}

#[test]
fn other_bytes_than_a_digest_says_are_refused() {
    let fixture = Fixture::new();
    let layout = layout(&fixture);
    let archive = fixture.path("bad.tar");
    let blobs = layout.path.join("blobs/sha256");
    let names: Vec<_> = fs::read_dir(&blobs).unwrap().map(|blob| blob.unwrap().path()).collect();
    for name in names {
        let right = fs::read(&name).unwrap();
        let mut flipped = right.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 1;
        let longer = [right.as_slice(), b"\n"].concat();
        let shorter = right[..right.len() - 1].to_vec();
        for wrong in [flipped, longer, shorter] {
            fs::write(&name, wrong).unwrap();
            layout.pack(&archive);
            let error = refuse(&fixture, &archive);
            let told = ["instead of", "not what its name says", "another size"];
            assert!(told.iter().any(|text| error.contains(text)), "{error}");
            let directory = Input::Directory(&layout.path);
            fixture.images().load(directory, &Platform::host(), &quiet).unwrap_err();
            assert!(fixture.content().is_empty());
        }
        fs::remove_file(&name).unwrap();
        layout.pack(&archive);
        refuse(&fixture, &archive);
        fs::write(&name, right).unwrap();
    }
    layout.pack(&archive);
    fixture.load(&archive).unwrap();
}

#[test]
fn layers_that_hold_something_else_than_the_config_says_are_refused() {
    let fixture = Fixture::new();
    let mut layout = Layout::new(fixture.path("layout"));
    let wrong = json!([Digest::of(&base()), Digest::of(b"other")]);
    layout.image_with("a:1", &[(GZIP, base()), (GZIP, upper())], &wrong, "amd64");
    let archive = fixture.path("bad.tar");
    layout.pack(&archive);
    assert!(refuse(&fixture, &archive).contains("where the image's config says"));

    let few = json!([Digest::of(&base())]);
    let mut layout = Layout::new(fixture.path("few"));
    layout.image_with("a:1", &[(GZIP, base()), (GZIP, upper())], &few, "amd64");
    layout.pack(&archive);
    assert!(refuse(&fixture, &archive).contains("its manifest has 2 layers, its config 1"));

    let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    let mut layout = Layout::new(fixture.path("foreign"));
    layout.image("a:1", &[(foreign, base())]);
    layout.pack(&archive);
    assert!(refuse(&fixture, &archive).contains("foreign layer"));

    let tar = docker_archive(&["a:1"], &[base()]).finish();
    let damaged = String::from_utf8_lossy(&tar).find("root:x:0:0").unwrap();
    let mut tar = tar;
    tar[damaged] = b'R';
    fs::write(&archive, tar).unwrap();
    let before = fixture.content();
    let error = fixture.load(&archive).unwrap_err();
    assert_eq!(fixture.content(), before);
    let Error::Layer { source, .. } = &error else { panic!("{error}") };
    assert!(matches!(**source, LayerFault::DiffId { .. }), "{source}");
}

#[test]
fn truncated_archives_are_refused_wherever_they_end() {
    let fixture = Fixture::new();
    let mut layout = Layout::new(fixture.path("layout"));
    layout.image("a:1", &[(GZIP, upper())]);
    let archive = fixture.path("whole.tar");
    layout.pack(&archive);
    let whole = fs::read(&archive).unwrap();
    let packed = support::layout::gzip(&whole);
    let content = whole.iter().rposition(|byte| *byte != 0).unwrap();
    let cut = fixture.path("cut.tar");
    for end in (0..content).step_by(251) {
        fs::write(&cut, &whole[..end]).unwrap();
        refuse(&fixture, &cut);
    }
    for end in (0..packed.len()).step_by(53) {
        fs::write(&cut, &packed[..end]).unwrap();
        refuse(&fixture, &cut);
    }
}

#[test]
fn tricks_with_paths_are_refused() {
    let fixture = Fixture::new();
    let archive = fixture.path("trick.tar");
    let canary = fixture.path("canary");
    fs::write(&canary, "untouched").unwrap();
    let canary_name = canary.to_str().unwrap();
    let manifest = |config: &str, layer: &str| {
        let items = json!([{"Config": config, "RepoTags": ["a:1"], "Layers": [layer]}]);
        serde_json::to_vec(&items).unwrap()
    };
    let plain = || Tar::new().file("oci-layout", 0o644, b"{}");
    let tricks = [
        Tar::new().file("manifest.json", 0o644, &manifest("/etc/passwd", "x")),
        Tar::new().file("manifest.json", 0o644, &manifest("../canary", "x")),
        Tar::new().link(EntryType::Symlink, "c.json", canary_name).file(
            "manifest.json",
            0o644,
            &manifest("c.json", "x"),
        ),
        Tar::new().link(EntryType::Link, "c.json", "../canary").file(
            "manifest.json",
            0o644,
            &manifest("c.json", "x"),
        ),
        Tar::new().link(EntryType::Symlink, "c.json", "c.json").file(
            "manifest.json",
            0o644,
            &manifest("c.json", "x"),
        ),
        plain().file("../canary", 0o644, b"changed"),
        plain().file(canary_name, 0o644, b"changed"),
        plain().link(EntryType::Symlink, "blobs", "/etc").file("index.json", 0o644, b"{}"),
        plain().file("index.json", 0o644, b"{}").file("index.json", 0o644, b"{}"),
        plain().device("index.json", 1, 3),
        Tar::new().file("manifest.json", 0o644, b"[]"),
        Tar::new().file("manifest.json", 0o644, b"{\"Config\":"),
    ];
    for trick in tricks {
        fs::write(&archive, trick.finish()).unwrap();
        let error = refuse(&fixture, &archive);
        assert!(error.contains("archive"), "{error}");
        assert_eq!(fs::read_to_string(&canary).unwrap(), "untouched");
    }

    // A layer that leads out of its layer, in an image that is right otherwise.
    let layer = Tar::new()
        .link(EntryType::Symlink, "out", fixture.folder.path().to_str().unwrap())
        .file("out/canary", 0o644, b"changed")
        .file("../../../../canary", 0o644, b"changed")
        .finish();
    fs::write(&archive, docker_archive(&["a:1"], &[layer]).finish()).unwrap();
    drop(fixture.load(&archive));
    assert_eq!(fs::read_to_string(&canary).unwrap(), "untouched");
}

/// A directory layout is read through no link.
#[test]
fn links_in_a_directory_layout_lead_nowhere() {
    let fixture = Fixture::new();
    let layout = layout(&fixture);
    let blobs = layout.path.join("blobs");
    fs::rename(&blobs, fixture.path("elsewhere")).unwrap();
    std::os::unix::fs::symlink(fixture.path("elsewhere"), &blobs).unwrap();
    let input = Input::Directory(&layout.path);
    let error = fixture.images().load(input, &Platform::host(), &quiet).unwrap_err();
    assert!(chain(&error).contains("cannot read a document"), "{error}");
}

/// A header that promises a gigabyte of extended names takes neither memory nor time.
#[test]
fn a_huge_extended_header_is_refused() {
    let fixture = Fixture::new();
    let archive = fixture.path("bomb.tar.gz");
    let bomb = Tar::new().link(EntryType::GNULongName, "././@LongLink", "").finish();
    let mut bomb = bomb[..512].to_vec();
    bomb[124..136].copy_from_slice(b"00777777777\0");
    let sum: u32 = bomb
        .iter()
        .enumerate()
        .map(|(at, byte)| match at {
            148..156 => 32,
            _ => u32::from(*byte),
        })
        .sum();
    bomb[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    bomb.extend(vec![b'a'; 16 << 20]);
    fs::write(&archive, support::layout::gzip(&bomb)).unwrap();
    let error = refuse(&fixture, &archive);
    assert!(error.contains("too large"), "{error}");
}

#[test]
fn layers_of_an_image_are_found_again_and_unpacked_from_their_blobs() {
    let fixture = Fixture::new();
    let layout = layout(&fixture);
    fixture.images().load(Input::Directory(&layout.path), &Platform::host(), &quiet).unwrap();
    let image = fixture.images().find("small:1").unwrap();
    let top = LayerId::Image(image.config.rootfs.diff_ids[1]);
    assert!(fixture.removal().layer(&top).unwrap());
    assert!(!fixture.store.has_layer(&top).unwrap());
    assert_eq!(fixture.images().rootfs_of(&image).unwrap().len(), 2);
    // A damaged blob is no source.
    assert!(fixture.removal().layer(&top).unwrap());
    let path = fixture.store.blob_path(&image.manifest.layers[1].digest);
    let mut bytes = fs::read(&path).unwrap();
    bytes[600] ^= 1;
    fs::write(&path, bytes).unwrap();
    let error = chain(&fixture.images().rootfs_of(&image).unwrap_err());
    assert!(error.contains("instead of"), "{error}");
    assert!(!fixture.store.has_layer(&top).unwrap());
}
