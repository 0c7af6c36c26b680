//! Logging in before anything is pulled, and what follows with password and token.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::io::Read as _;

use lapstrake_oci::{Descriptor, MediaType, Reference};
use lapstrake_registry::{Client, Credentials, Error, Uploaded};
use support::registry::Registry;
use support::server::{Reply, Server};
use support::token::Signer;
use support::{Image, basic, client, client_as, content, user};

fn wrong() -> Credentials {
    Credentials::Basic { username: "me".to_owned(), password: "wrong".to_owned() }
}

/// Pushes an image as somebody who may, pulls it again, and has a layer mounted elsewhere.
fn push_and_pull(client: &Client, address: &str) {
    let image = Image::new();
    let config = Descriptor::of(MediaType::OciConfig, &image.config);
    let name = |text: &str| Reference::parse(&format!("{address}/{text}")).unwrap();
    let reference = name("some/app:1");
    for (descriptor, bytes) in [(&config, &image.config), (&image.layer(), &image.layer)] {
        client.push_blob(&reference, descriptor, None, &content(bytes)).unwrap();
    }
    client.push_document(&reference, &MediaType::OciManifest, &image.manifest).unwrap();
    assert_eq!(client.resolve(&reference).unwrap().bytes, image.manifest);
    let mut layer = Vec::new();
    client.blob(&reference, &image.layer()).unwrap().read_to_end(&mut layer).unwrap();
    assert!(layer == image.layer);
    let other = client.push_blob(
        &name("other/app:1"),
        &image.layer(),
        Some("some/app"),
        &content(&image.layer),
    );
    assert_eq!(other.unwrap(), Uploaded::Mounted);
}

#[test]
fn docker_registry_with_a_password_file() {
    let registry = Registry::start_with_password();
    assert_eq!(client().log_in(&registry.address, user()).unwrap(), user());
    let error = client().log_in(&registry.address, wrong()).unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    push_and_pull(&client_as(user()), &registry.address);
    let error = client().resolve(&registry.reference(":1")).unwrap_err();
    assert!(matches!(error, Error::Denied { logged_in: false, .. }), "{error}");
    let error = client_as(wrong()).resolve(&registry.reference(":1")).unwrap_err();
    assert!(matches!(error, Error::Denied { logged_in: true, .. }), "{error}");
}

#[test]
fn docker_registry_with_a_token_server() {
    let signer = Signer::new();
    let certificate = tempfile::NamedTempFile::new().unwrap();
    std::fs::copy(signer.certificate(), certificate.path()).unwrap();
    let tokens = signer.serve();
    let registry = Registry::start_with_tokens(&tokens.url("/token"), certificate.path());
    assert_eq!(client().log_in(&registry.address, user()).unwrap(), user());
    assert_eq!(
        tokens.paths(),
        ["/token?service=registry&account=me&client_id=lapstrake&offline_token=true"]
    );
    let error = client().log_in(&registry.address, wrong()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{} refused the user name and password: incorrect username or password",
            registry.address
        )
    );
    push_and_pull(&client_as(user()), &registry.address);
}

#[test]
fn a_token_server_may_give_an_identity_token() {
    let server = Server::start(|asked, _| {
        if asked.path.starts_with("/token") {
            return Some(Reply::ok(r#"{"access_token":"t","refresh_token":"identity"}"#));
        }
        if asked.authorization() == Some("Bearer t") {
            return Some(Reply::ok("{}"));
        }
        let realm = format!("Bearer realm=\"http://{}/token\"", asked.header("host")?);
        Some(Reply::new(401, "{}").with("WWW-Authenticate", &realm))
    });
    let identity = Credentials::IdentityToken("identity".to_owned());
    assert_eq!(client().log_in(&server.address(), basic()).unwrap(), identity);
    // It is good for logging in again.
    assert_eq!(client().log_in(&server.address(), identity.clone()).unwrap(), identity);
    assert_eq!(server.asked()[4].method, "POST");
}

#[test]
fn what_is_no_registry_or_asks_nobody() {
    let open = Server::start(|_, _| Some(Reply::ok("{}")));
    assert_eq!(client().log_in(&open.address(), basic()).unwrap(), basic());
    assert!(open.asked().iter().all(|asked| asked.authorization().is_none()));
    let none = Server::start(|_, _| Some(Reply::not_found()));
    let error = client().log_in(&none.address(), basic()).unwrap_err();
    assert!(matches!(error, Error::Status { status: 404, .. }), "{error}");
    assert!(client().log_in("not a host", basic()).is_err());
}
