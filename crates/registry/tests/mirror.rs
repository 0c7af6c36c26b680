//! Mirrors: who is asked in which order, and what is said when nobody has it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::io::Read;

use lapstrake_oci::{Compression, Descriptor, MediaType, Reference};
use lapstrake_registry::{BlobReader, Error};
use support::server::{Reply, Server, chain, dead_host};
use support::{Image, MANIFEST_TYPE, client, client_with_mirrors, reference};

fn read(mut blob: BlobReader) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    blob.read_to_end(&mut bytes).map_err(|error| blob.error(error)).map(|_| bytes)
}

#[test]
fn mirrors_are_asked_first_and_replaced_when_they_fail() {
    let image = Image::new();
    let missing = Server::of(Vec::new());
    let broken = Server::start(|_, _| Some(Reply::new(500, "")));
    let wrong = Server::start(|_, _| Some(Reply::ok("{}").with("Content-Type", MANIFEST_TYPE)));
    let registry = Server::of(image.replies());
    let mirrors =
        [format!("http://{}", dead_host()), missing.url(""), broken.url("/"), wrong.url("")];
    let client = client_with_mirrors(&registry.address(), &mirrors);
    let resolved = client.resolve(&reference(&registry)).unwrap();
    assert_eq!(resolved.endpoint, format!("http://{}", registry.address()));
    for server in [&missing, &broken, &wrong, &registry] {
        assert_eq!(server.asked().len(), 1);
    }
    let layer = client.blob(&reference(&registry), &image.layer());
    assert!(
        layer.is_err() || read(layer.unwrap()).is_ok(),
        "a wrong length is seen before the body"
    );
}

#[test]
fn a_mirror_with_a_path_stands_for_docker_hub() {
    let image = Image::new();
    let mirror = Server::start(move |asked, _| {
        let path = asked.path.replace("/v2/hub/library/app/", "/v2/app/");
        Some(image.reply(&path))
    });
    let client = client_with_mirrors("docker.io", &[mirror.url("/hub")]);
    let reference = Reference::parse("app").unwrap();
    client.resolve(&reference).unwrap();
    assert_eq!(mirror.paths(), ["/v2/hub/library/app/manifests/latest"]);
}

#[test]
fn a_blob_that_a_mirror_cuts_comes_on_from_the_registry() {
    let image = Image::new();
    let layer = image.layer.clone();
    let mirror =
        Server::start(move |_, before| (before == 0).then(|| Reply::ok(&layer).cut_after(300_000)));
    let registry = Server::of(image.replies());
    let client = client_with_mirrors(&registry.address(), &[mirror.url("")]);
    let blob = client.blob(&reference(&registry), &image.layer()).unwrap();
    assert_eq!(read(blob).unwrap(), image.layer);
    assert_eq!(registry.asked()[0].header("range"), Some("bytes=300000-"));
}

#[test]
fn an_unknown_image_says_who_was_asked() {
    let (mirror, registry) = (Server::of(Vec::new()), Server::of(Vec::new()));
    let dead = dead_host();
    let mirrors = [format!("http://{dead}"), mirror.url("")];
    let client = client_with_mirrors(&registry.address(), &mirrors);
    let error = client.resolve(&reference(&registry)).unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }));
    let text = error.to_string();
    let begin = format!(
        "{} was not found at http://{dead} (cannot reach http://{dead}/v2/app/manifests/latest: ",
        reference(&registry)
    );
    let end = format!(
        "), http://{}, http://{}, check the name or log in",
        mirror.address(),
        registry.address()
    );
    assert!(text.starts_with(&begin) && text.ends_with(&end), "{text}");
    assert_eq!(
        client
            .blob(&reference(&registry), &Image::new().layer())
            .unwrap_err()
            .to_string()
            .matches("check the name")
            .count(),
        1
    );
}

#[test]
fn when_nobody_answers_everybody_is_named() {
    let (mirror, registry) = (dead_host(), dead_host());
    let reference = Reference::parse(&format!("{registry}/app")).unwrap();
    let text = chain(&client().resolve(&reference).unwrap_err());
    let begin = format!(
        "cannot fetch {reference} from http://{registry}: cannot reach http://{registry}/v2/"
    );
    assert!(text.starts_with(&begin), "{text}");
    let client = client_with_mirrors(&registry, &[format!("http://{mirror}")]);
    let text = chain(&client.resolve(&reference).unwrap_err());
    assert!(text.contains(&mirror) && text.contains(&registry), "{text}");
}

/// TLS is spoken with every host that is not this machine: a plain answer is no answer.
#[test]
fn tls_towards_a_plain_server_fails_with_a_hint() {
    let server = Server::of(Image::new().replies());
    let reference = Reference::parse("example.invalid/app").unwrap();
    let mirrors = [format!("https://{}", server.address())];
    let text =
        chain(&client_with_mirrors("example.invalid", &mirrors).resolve(&reference).unwrap_err());
    assert!(text.contains("mark the registry as insecure"), "{text}");
    assert!(server.asked().is_empty(), "no request in the clear");
}

/// S55: the `urls` of a foreign layer are asked when the registry lacks it, without credentials.
#[test]
fn foreign_layers_come_from_their_urls() {
    let image = Image::new();
    let layer = image.layer.clone();
    let elsewhere = Server::start(move |_, _| Some(Reply::ok(&layer)));
    let registry = Server::of(Vec::new());
    let foreign = Descriptor {
        urls: vec!["ftp://example.com/x".to_owned(), elsewhere.url("/layer")],
        ..Descriptor::of(MediaType::DockerForeignLayer(Compression::None), &image.layer)
    };
    let blob = client().blob(&reference(&registry), &foreign).unwrap();
    assert_eq!(read(blob).unwrap(), image.layer);
    assert_eq!(elsewhere.asked()[0].authorization(), None);
    // Urls of what is no foreign layer mean nothing.
    let media_type = MediaType::OciLayer(Compression::None);
    let usual = Descriptor { media_type, ..foreign };
    assert!(matches!(client().blob(&reference(&registry), &usual), Err(Error::NotFound { .. })));
    assert_eq!(elsewhere.asked().len(), 1);
}
