//! Against Debian's docker-registry, an implementation that is not ours.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use lapstrake_oci::{Descriptor, Digest, Index, MediaType, Platform, Reference};
use lapstrake_registry::{Client, ClientConfig, Error, RetryPolicy, Uploaded};
use support::registry::Registry;
use support::{Image, MANIFEST_TYPE, client, content, settings};

const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";

#[test]
fn pulls_what_was_pushed() {
    let registry = Registry::start();
    let image = Image::new();
    registry.push_blob(&image.config);
    registry.push_blob(&image.layer);
    registry.push_manifest("1.0", MANIFEST_TYPE, &image.manifest);
    let entry = Descriptor {
        platform: Some(Platform::parse("linux/amd64").unwrap()),
        ..Descriptor::of(MediaType::OciManifest, &image.manifest)
    };
    let index = Index::new(MediaType::OciIndex, vec![entry]).to_bytes().unwrap();
    registry.push_manifest("latest", INDEX_TYPE, &index);

    let client = client();
    let reference = registry.reference("");
    let resolved = client.resolve(&reference).unwrap();
    assert_eq!((resolved.digest, &resolved.media_type), (Digest::of(&index), &MediaType::OciIndex));
    let amd64 = Platform::parse("linux/amd64").unwrap();
    let selected = client.select(&reference, resolved, &amd64).unwrap();
    assert_eq!(selected.resolved.bytes, image.manifest);
    let (config, _) = client.config(&reference, &selected.manifest).unwrap();
    assert_eq!(config, image.config);
    let mut layer = Vec::new();
    client.blob(&reference, &image.layer()).unwrap().read_to_end(&mut layer).unwrap();
    assert_eq!(layer, image.layer);

    let pinned = registry.reference(&format!("@{}", Digest::of(&image.manifest)));
    assert_eq!(client.resolve(&pinned).unwrap().bytes, image.manifest);
    let mut tags = client.tags(&reference).unwrap();
    tags.sort();
    assert_eq!(tags, ["1.0", "latest"]);

    let error = client.resolve(&registry.reference(":2.0")).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{0}/some/app:2.0 was not found at http://{0}, check the name or log in",
            registry.address
        )
    );
    let unknown = Descriptor::new(MediaType::OciEmpty, Digest::of(b"unknown"), 7);
    assert!(matches!(client.blob(&reference, &unknown), Err(Error::NotFound { .. })));
}

fn unread(_: u64) -> std::io::Result<Box<dyn Read + Send>> {
    panic!("the bytes were asked for")
}

#[test]
fn pushes_mounts_and_sends_nothing_twice() {
    let registry = Registry::start();
    let (client, image) = (client(), Image::new());
    let config = Descriptor::of(MediaType::OciConfig, &image.config);
    let first = registry.reference(":1.0");
    for (descriptor, bytes) in [(&config, &image.config), (&image.layer(), &image.layer)] {
        let pushed = client.push_blob(&first, descriptor, None, &content(bytes)).unwrap();
        assert_eq!(pushed, Uploaded::Sent);
    }
    let digest = client.push_document(&first, &MediaType::OciManifest, &image.manifest).unwrap();
    assert_eq!(digest, Digest::of(&image.manifest));
    assert!(client.has_document(&first, &digest).unwrap());
    let again = client.push_blob(&first, &image.layer(), None, &unread).unwrap();
    assert_eq!(again, Uploaded::Existed);

    let other = Reference::parse(&format!("{}/other/app:x", registry.address)).unwrap();
    let mounted = client.push_blob(&other, &image.layer(), Some("some/app"), &unread).unwrap();
    assert_eq!(mounted, Uploaded::Mounted);
    // What cannot be mounted is sent.
    let third = Reference::parse(&format!("{}/third/app:x", registry.address)).unwrap();
    let sent = client.push_blob(&third, &config, Some("no/such"), &content(&image.config)).unwrap();
    assert_eq!(sent, Uploaded::Sent);

    // An independent reader finds it whole.
    let copied = Command::new("skopeo")
        .args(["copy", "--quiet", "--src-tls-verify=false", &format!("docker://{first}")])
        .arg(format!("dir:{}", registry.storage.path().join("copy").display()))
        .status()
        .expect("skopeo is missing: apt-get install -y skopeo");
    assert!(copied.success());
}

#[test]
fn a_blob_whose_digest_comes_last() {
    let registry = Registry::start();
    let (client, image, reference) = (client(), Image::new(), registry.reference(""));
    let digest = Digest::of(&image.layer);
    client.push_stream(&reference, "a layer", &content(&image.layer), &|| digest).unwrap();
    let mut read = Vec::new();
    client.blob(&reference, &image.layer()).unwrap().read_to_end(&mut read).unwrap();
    assert_eq!(read, image.layer);
    let wrong = Digest::of(b"else");
    let error = client.push_stream(&reference, "x", &content(b"x"), &|| wrong).unwrap_err();
    assert!(matches!(error, Error::Status { status: 400, .. }), "{error:?}");
}

/// A registry without the referrers API: what is about a manifest is listed under a tag, by whoever
/// pushes it (distribution-spec 1.1, "Pushing Manifests with Subject").
#[test]
fn what_is_about_an_image_is_found_under_a_tag() {
    let registry = Registry::start();
    let (client, image) = (client(), Image::new());
    let reference = registry.reference("");
    for blob in [&image.layer, &image.config] {
        let blob_of = Descriptor::of(MediaType::Other("application/octet-stream".into()), blob);
        client.push_blob(&reference, &blob_of, None, &content(blob)).unwrap();
    }
    let subject =
        client.push_document(&reference, &MediaType::OciManifest, &image.manifest).unwrap();
    assert_eq!(client.referrers(&reference, &subject).unwrap(), []);

    let (mut pushed, mut names) = (Vec::new(), Vec::new());
    for (number, artifact_type) in [(1, Some("application/x-signature")), (2, None)] {
        let mut about = lapstrake_oci::Manifest::parse(&image.manifest).unwrap();
        about.subject = Some(Descriptor::of(MediaType::OciManifest, &image.manifest));
        about.artifact_type = artifact_type.map(str::to_owned);
        about.annotations = [("number".to_owned(), number.to_string())].into();
        let bytes = about.to_bytes().unwrap();
        let place = reference.with_digest(Digest::of(&bytes));
        // Twice, and listed once.
        for _ in 0..2 {
            pushed.push(client.push_document(&place, &MediaType::OciManifest, &bytes).unwrap());
        }
        names.push(artifact_type.map_or(about.config.media_type.to_string(), str::to_owned));
    }
    pushed.dedup();
    let found = client.referrers(&reference, &subject).unwrap();
    assert_eq!(found.iter().map(|entry| entry.digest).collect::<Vec<_>>(), pushed);
    let types: Vec<_> = found.iter().map(|entry| entry.artifact_type.clone().unwrap()).collect();
    assert_eq!(types, names);
    assert_eq!(found[1].annotations["number"], "2");
    // Somebody else finds them as well.
    let tag = format!("docker://{}:sha256-{}", reference.name(), subject.hex());
    let seen = Command::new("skopeo")
        .args(["inspect", "--raw", "--tls-verify=false", &tag])
        .output()
        .expect("skopeo is missing: apt-get install -y skopeo");
    let seen: serde_json::Value = serde_json::from_slice(&seen.stdout).unwrap();
    assert_eq!(seen["manifests"][0]["artifactType"], "application/x-signature");
}

/// Lets `lengths` bytes of the first connections through to `to`, and everything of later ones.
fn cutting_proxy(to: &str, lengths: Vec<usize>) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let to = to.to_owned();
    std::thread::spawn(move || {
        let mut lengths = lengths.into_iter();
        for client in listener.incoming() {
            let (mut client, mut server) = (client.unwrap(), TcpStream::connect(&to).unwrap());
            let (mut back, mut answer) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut answer, &mut back);
            });
            let limit = lengths.next().unwrap_or(usize::MAX) as u64;
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut (&mut client).take(limit), &mut server);
                let _ = server.shutdown(std::net::Shutdown::Both);
                let _ = client.shutdown(std::net::Shutdown::Both);
            });
        }
    });
    address
}

/// A connection that ends in the middle of a layer is taken up where the registry says it ended,
/// wherever that is.
#[test]
fn an_upload_cut_at_a_hundred_places() {
    let registry = Registry::start();
    let image = Image::new();
    // The registry notices late that a connection is gone, and goes on writing meanwhile.
    let first_delay = Duration::from_millis(20);
    let retry = RetryPolicy { attempts: 9, first_delay, ..settings().retry };
    let patient = || Client::new(ClientConfig { retry, ..settings() }).unwrap();
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    for number in 0..100 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let cut = usize::try_from(state >> 33).unwrap() % image.layer.len();
        let address = cutting_proxy(&registry.address, vec![cut, cut / 2]);
        let reference = Reference::parse(&format!("{address}/cut-{number}/app")).unwrap();
        let pushed = patient().push_blob(&reference, &image.layer(), None, &content(&image.layer));
        assert_eq!(pushed.unwrap(), Uploaded::Sent, "cut after {cut} bytes");
        let reference = format!("{}/cut-{number}/app", registry.address);
        let reference = Reference::parse(&reference).unwrap();
        let mut read = Vec::new();
        client().blob(&reference, &image.layer()).unwrap().read_to_end(&mut read).unwrap();
        assert!(read == image.layer, "cut after {cut} bytes");
    }
}
