//! Pulling from Debian's docker-registry.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::sync::Mutex;
use std::thread;

use lapstrake_cache::Store;
use lapstrake_image::{Images, Progress};
use lapstrake_oci::{Digest, Platform, Reference};
use lapstrake_registry::{ClientConfig, RegistryConfig, RetryPolicy};
use lapstrake_rootfs::LayerId;
use serde_json::json;
use support::layout::{GZIP, Layout, Tar, base, upper};
use support::registry::Registry;
use support::{Fixture, quiet, run};

fn reference(text: &str) -> Reference {
    Reference::parse(text).unwrap()
}

/// A registry with `small:1`, an image of three layers, of which two are equal.
fn registry(fixture: &Fixture) -> (Registry, Layout, Digest) {
    let registry = Registry::start();
    let mut layout = Layout::new(fixture.path("layout"));
    let manifest = layout.image("x", &[(GZIP, base()), (GZIP, upper()), (GZIP, upper())]);
    registry.push(&layout.path, "x", "small:1");
    (registry, layout, manifest)
}

fn with_error<T>(result: Result<T, lapstrake_image::Error>) -> String {
    let Err(error) = result else { panic!("it went well") };
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

#[test]
fn what_is_pulled_is_what_was_pushed_and_is_used_without_the_network() {
    let fixture = Fixture::new();
    let (registry, layout, manifest) = registry(&fixture);
    let name = reference(&format!("{}/small:1", registry.host));
    let images = fixture.images();
    let seen = Mutex::new(Vec::new());
    let report = |progress| seen.lock().unwrap().push(progress);
    let image = images.resolve(&name, &Platform::host(), false, &report).unwrap();
    assert_eq!(image.digest, manifest);
    assert_eq!(images.rootfs_of(&image).unwrap().len(), 3);
    for blob in fs::read_dir(layout.path.join("blobs/sha256")).unwrap() {
        let blob = blob.unwrap().path();
        let ours = fixture.store.root().join("blobs/sha256").join(blob.file_name().unwrap());
        assert_eq!(fs::read(ours).unwrap(), fs::read(blob).unwrap());
    }
    let seen = seen.into_inner().unwrap();
    let total: u64 = image.manifest.layers[..2].iter().map(|layer| layer.size).sum();
    assert_eq!(seen.first(), Some(&Progress::Resolving));
    assert!(seen.contains(&Progress::Downloading { done: total, total }), "{seen:?}");
    assert_eq!(seen.last(), Some(&Progress::Ready { digest: manifest }));

    // Nothing new.
    let again = images.pull(&name, &Platform::host(), &quiet).unwrap();
    assert!(!again.updated);
    assert_eq!(again.digest, manifest);
    // By tag and by digest without the registry; not when it has to be asked.
    drop(registry);
    let retry = RetryPolicy { attempts: 1, ..RetryPolicy::default() };
    let images = Images::new(&fixture.store, ClientConfig { retry, ..ClientConfig::default() });
    for name in [name.clone(), name.with_digest(manifest)] {
        let image = images.resolve(&name, &Platform::host(), false, &quiet).unwrap();
        assert_eq!(image.digest, manifest);
    }
    images.resolve(&name, &Platform::host(), true, &quiet).unwrap_err();
    let other = name.with_digest(Digest::of(b"other"));
    images.resolve(&other, &Platform::host(), false, &quiet).unwrap_err();
}

#[test]
fn a_mirror_is_asked_for_docker_hub_and_docker_types_are_understood() {
    let fixture = Fixture::new();
    let (registry, layout, _) = registry(&fixture);
    let from = format!("oci:{}:x", layout.path.display());
    let to = format!("docker://{}/library/busybox:latest", registry.host);
    run("skopeo", &["copy", "--format", "v2s2", "--dest-tls-verify=false", &from, &to]);
    let mirrors = vec![format!("http://{}", registry.host)];
    let hub = RegistryConfig { mirrors, ..RegistryConfig::default() };
    let registries = BTreeMap::from([("docker.io".to_owned(), hub)]);
    let images =
        Images::new(&fixture.store, ClientConfig { registries, ..ClientConfig::default() });
    let name = reference("busybox");
    let image = images.resolve(&name, &Platform::host(), false, &quiet).unwrap();
    let media_type = image.manifest.layers[0].media_type.to_string();
    assert_eq!(media_type, "application/vnd.docker.image.rootfs.diff.tar.gzip");
    let summary = &images.list().unwrap()[0];
    assert_eq!(summary.names, [name]);
    assert_eq!(summary.digests[0].familiar(), format!("busybox@{}", image.digest));
}

#[test]
fn an_index_is_pulled_for_one_platform_and_known_by_its_digest() {
    let fixture = Fixture::new();
    let registry = Registry::start();
    let mut layout = Layout::new(fixture.path("layout"));
    let mut manifests = Vec::new();
    for (architecture, tar) in [("arm64", upper()), ("amd64", base())] {
        let diff_ids = json!([Digest::of(&tar)]);
        manifests.push(layout.image_with("x", &[(GZIP, tar)], &diff_ids, architecture));
    }
    let index = layout.fold("x");
    registry.push(&layout.path, "x", "many:1");
    let images = fixture.images();
    let name = reference(&format!("{}/many:1", registry.host));
    let platform = |text: &str| Platform::parse(text).unwrap();
    let error = with_error(images.pull(&name, &platform("linux/s390x"), &quiet));
    assert!(error.contains("linux/arm64") && error.contains("linux/amd64"), "{error}");
    assert!(fixture.content().is_empty());

    let pulled = images.pull(&name, &platform("linux/arm64"), &quiet).unwrap();
    assert_eq!((pulled.digest, pulled.image.digest), (index, manifests[0]));
    // What is here is for another platform.
    let missing = with_error(images.find_for(&name.to_string(), &platform("linux/amd64")));
    assert!(missing.contains("No such image"), "{missing}");
    assert_eq!(images.find(&name.to_string()).unwrap().digest, manifests[0]);
    let image = images.resolve(&name, &platform("linux/amd64"), false, &quiet).unwrap();
    assert_eq!(image.digest, manifests[1]);
    // The index is here, and so are both images.
    drop(registry);
    for name in [name.clone(), name.with_digest(index)] {
        for (text, expected) in [("linux/arm64", manifests[0]), ("linux/amd64", manifests[1])] {
            let image = images.resolve(&name, &platform(text), false, &quiet).unwrap();
            assert_eq!(image.digest, expected);
            let image = images.find_for(&name.to_string(), &platform(text)).unwrap();
            assert_eq!(image.digest, expected);
        }
        let error = with_error(images.resolve(&name, &platform("linux/386"), false, &quiet));
        assert!(error.contains("only for linux/arm64, linux/amd64"), "{error}");
    }
    // Both have the names.
    for image in images.list().unwrap() {
        assert_eq!(
            (image.names, image.digests),
            (vec![name.clone()], vec![name.with_digest(index)])
        );
    }
}

#[test]
fn a_changed_layer_is_refused_and_leaves_no_name_and_no_layer() {
    let fixture = Fixture::new();
    let (registry, _, manifest) = registry(&fixture);
    let name = reference(&format!("{}/small:1", registry.host));
    let right = fixture.images().pull(&name, &Platform::host(), &quiet).unwrap().image;
    let blob = registry.blob(&right.manifest.layers[1].digest.hex());
    let whole = fs::read(&blob).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 0x55;
    let shorter = whole[..whole.len() - 1].to_vec();
    for wrong in [flipped, shorter] {
        fs::write(&blob, wrong).unwrap();
        let other = Fixture::new();
        let retry = RetryPolicy { attempts: 1, ..RetryPolicy::default() };
        let images = Images::new(&other.store, ClientConfig { retry, ..ClientConfig::default() });
        let error = with_error(images.pull(&name, &Platform::host(), &quiet));
        assert!(error.contains("cannot take layer"), "{error}");
        assert!(other.store.tags().unwrap().is_empty());
        let diff_id = right.config.rootfs.diff_ids[1];
        assert!(!other.store.has_layer(&LayerId::Image(diff_id)).unwrap());
        assert!(!other.store.blob_path(&right.manifest.layers[1].digest).exists());
        assert_eq!(fs::read_dir(other.store.root().join("tmp")).unwrap().count(), 0);
        assert!(images.list().unwrap().is_empty());
        // Put right, the rest is fetched.
        fs::write(&blob, &whole).unwrap();
        assert_eq!(images.pull(&name, &Platform::host(), &quiet).unwrap().image.digest, manifest);
    }
}

#[test]
fn two_who_pull_the_same_layers_fetch_them_once() {
    let fixture = Fixture::new();
    let registry = Registry::start();
    let layers: Vec<Vec<u8>> = (0..8_u32)
        .map(|n| {
            let noise: Vec<u8> = (0..200_000)
                .flat_map(|i: u32| (i ^ n).wrapping_mul(2_654_435_761).to_le_bytes())
                .collect();
            Tar::new().file(&format!("file{n}"), 0o644, &noise).finish()
        })
        .collect();
    let mut layout = Layout::new(fixture.path("layout"));
    let up: Vec<_> = layers.iter().map(|tar| (GZIP, tar.clone())).collect();
    // The same layers in the other order: who takes locks as they come would stand still.
    let down: Vec<_> = up.iter().rev().cloned().collect();
    layout.image("up", &up);
    layout.image("down", &down);
    for tag in ["up", "down"] {
        registry.push(&layout.path, tag, &format!("image:{tag}"));
    }
    let fetched = |tag: &str| {
        // A store of its own: another process, as far as locks can tell.
        let store = Store::open(fixture.store.root()).unwrap();
        let images = Images::new(&store, ClientConfig::default());
        let name = reference(&format!("{}/image:{tag}", registry.host));
        let most = Mutex::new(0);
        let report = |progress| {
            if let Progress::Downloading { done, .. } = progress {
                let mut most = most.lock().unwrap();
                *most = done.max(*most);
            }
        };
        let image = images.pull(&name, &Platform::host(), &report).unwrap().image;
        assert_eq!(images.rootfs_of(&image).unwrap().len(), 8);
        let size: u64 = image.manifest.layers.iter().map(|layer| layer.size).sum();
        (most.into_inner().unwrap(), size)
    };
    let (one, two) = thread::scope(|scope| {
        let one = scope.spawn(|| fetched("up"));
        let two = scope.spawn(|| fetched("down"));
        (one.join().unwrap(), two.join().unwrap())
    });
    assert_eq!(one.0 + two.0, one.1);
    let locks = fs::read_dir(fixture.store.root().join("locks")).unwrap();
    let left = locks
        .filter(|lock| lock.as_ref().unwrap().file_name().to_string_lossy().starts_with("sha256-"));
    assert_eq!(left.count(), 0);
}
