//! Logging in, and what credentials are shown to whom (S54, S55).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lapstrake_oci::Reference;
use lapstrake_registry::{
    Client, CredentialSource, Credentials, Error, Policy, Proxy, RegistryConfig,
};
use support::server::{Asked, Reply, Server, chain};
use support::{Image, basic, client, client_as, reference, settings};

const BASIC: &str = "Basic bWU6c2VjcmV0";

fn unauthorized(challenge: &str) -> Reply {
    Reply::new(401, r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#)
        .with("WWW-Authenticate", challenge)
}

/// A registry that is its own token server: gives `token` to whoever `may` have one.
fn registry(token: &'static str, may: impl Fn(&Asked) -> bool + Send + Sync + 'static) -> Server {
    let image = Image::new();
    Server::start(move |asked, _| {
        if asked.path.starts_with("/token") {
            let reply = Reply::ok(format!(r#"{{"token":"{token}","expires_in":300}}"#));
            return Some(if may(asked) { reply } else { Reply::new(401, "{}") });
        }
        let expected = format!("Bearer {token}");
        if asked.authorization() == Some(expected.as_str()) {
            return Some(image.reply(&asked.path));
        }
        let host = asked.header("host")?;
        Some(unauthorized(&format!(
            r#"Bearer realm="http://{host}/token?x=1",service="the registry",scope="repository:app:pull""#
        )))
    })
}

#[test]
fn anonymous_bearer_token_is_fetched_once() {
    let server = registry("t1", |asked| asked.authorization().is_none());
    let client = client();
    let resolved = client.resolve(&reference(&server)).unwrap();
    let layer = Image::new().layer();
    client.blob(&reference(&server), &layer).unwrap();
    assert_eq!(resolved.digest, lapstrake_oci::Digest::of(&Image::new().manifest));
    assert_eq!(
        server.paths(),
        [
            "/v2/app/manifests/latest",
            "/token?x=1&service=the%20registry&scope=repository%3Aapp%3Apull",
            "/v2/app/manifests/latest",
            &Image::new().layer_path(),
        ]
    );
}

#[test]
fn bearer_token_with_user_and_password() {
    let server = registry("t1", |asked| asked.authorization() == Some(BASIC));
    client_as(basic()).resolve(&reference(&server)).unwrap();
    let asked = server.asked();
    assert_eq!(asked[0].authorization(), None, "credentials only when they are asked for");
    assert!(asked[1].path.ends_with("&account=me"), "{}", asked[1].path);
    assert_eq!(asked[2].authorization(), Some("Bearer t1"));
}

#[test]
fn identity_token_is_exchanged() {
    let server = registry("t2", |asked| {
        asked.method == "POST"
            && asked.body.contains("grant_type=refresh_token")
            && asked.body.contains("refresh_token=re%26fresh")
            && asked.body.contains("scope=repository%3Aapp%3Apull")
    });
    client_as(Credentials::IdentityToken("re&fresh".to_owned()))
        .resolve(&reference(&server))
        .unwrap();
}

#[test]
fn registry_token_is_sent_as_it_is() {
    let server = registry("t3", |_| false);
    client_as(Credentials::RegistryToken("t3".to_owned())).resolve(&reference(&server)).unwrap();
    assert_eq!(server.paths().len(), 2);
}

#[test]
fn basic_authentication() {
    let image = Image::new();
    let server = Server::start(move |asked, _| match asked.authorization() {
        Some(BASIC) => Some(image.reply(&asked.path)),
        _ => Some(unauthorized("Basic realm=\"here\"")),
    });
    client_as(basic()).resolve(&reference(&server)).unwrap();
    let error = client().resolve(&reference(&server)).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "access to {} was denied by http://{}: authentication required, check the name or log in",
            reference(&server),
            server.address()
        )
    );
}

#[test]
fn a_token_that_ended_is_renewed() {
    let image = Image::new();
    let issued = Arc::new(AtomicUsize::new(0));
    let server = Server::start(move |asked, _| {
        if asked.path.starts_with("/token") {
            let number = issued.fetch_add(1, Ordering::SeqCst) + 1;
            return Some(Reply::ok(format!(r#"{{"access_token":"t{number}"}}"#)));
        }
        // The first token is good for the manifest only.
        let is_manifest = asked.path.contains("/manifests/");
        match asked.authorization() {
            Some("Bearer t1") if is_manifest => Some(image.reply(&asked.path)),
            Some("Bearer t2") => Some(image.reply(&asked.path)),
            _ => Some(unauthorized(&format!(
                "Bearer realm=\"http://{}/token\"",
                asked.header("host")?
            ))),
        }
    });
    let client = client();
    client.resolve(&reference(&server)).unwrap();
    client.blob(&reference(&server), &Image::new().layer()).unwrap();
    assert_eq!(server.paths().iter().filter(|path| path.starts_with("/token")).count(), 2);
}

#[test]
fn refused_credentials_are_named() {
    let server = registry("t1", |_| false);
    let error = client_as(basic()).resolve(&reference(&server)).unwrap_err();
    let text = chain(&error);
    assert!(text.contains("were refused by") && text.contains("log in again"), "{text}");
    assert!(!text.contains("secret"), "{text}");
    let error = client().resolve(&reference(&server)).unwrap_err();
    assert!(matches!(error, Error::Denied { logged_in: false, .. }), "{}", chain(&error));
}

#[test]
fn a_failing_lookup_is_an_error() {
    let server = registry("t1", |_| true);
    let credentials = CredentialSource::new(|_| Err("helper exited with 1".into()));
    let settings = lapstrake_registry::ClientConfig { credentials, ..settings() };
    let error = Client::new(settings).unwrap().resolve(&reference(&server)).unwrap_err();
    let text = chain(&error);
    assert!(
        text.ends_with(&format!("credentials for {}: helper exited with 1", server.address())),
        "{text}"
    );
}

#[test]
fn credentials_are_looked_up_once() {
    let server = registry("t1", |asked| asked.authorization() == Some(BASIC));
    let lookups = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&lookups);
    let address = server.address();
    let credentials = CredentialSource::new(move |registry| {
        assert_eq!(registry, address);
        count.fetch_add(1, Ordering::SeqCst);
        Ok(Some(basic()))
    });
    let settings = lapstrake_registry::ClientConfig { credentials, ..settings() };
    let client = Client::new(settings).unwrap();
    client.resolve(&reference(&server)).unwrap();
    let other = Reference::parse(&format!("{}/other", server.address())).unwrap();
    assert!(client.resolve(&other).is_err());
    assert_eq!(lookups.load(Ordering::SeqCst), 1);
}

#[test]
fn realms_that_are_none() {
    for (text, expected) in [
        ("ftp://example.com/token", "scheme"),
        ("http://example.com/token", "plain HTTP"),
        ("https://user:pw@example.com/token", "user name"),
        ("", "missing"),
        ("token", "absolute"),
    ] {
        let challenge = format!("Bearer realm=\"{text}\"");
        let server = Server::start(move |_, _| Some(unauthorized(&challenge)));
        let error = client_as(basic()).resolve(&reference(&server)).unwrap_err();
        assert!(chain(&error).contains(expected), "{text}: {}", chain(&error));
        assert_eq!(server.asked().len(), 1);
    }
}

/// A client that reaches `registry.example` in the clear, and all hosts but this machine through
/// `proxy`.
fn client_of_another_host(proxy: &Server) -> Client {
    let mut settings = settings();
    settings.proxy = Proxy { http: Some(proxy.url("")), ..Proxy::default() };
    let config = RegistryConfig { insecure: true, ..RegistryConfig::default() };
    settings.registries.insert("registry.example".to_owned(), config);
    settings.credentials = CredentialSource::new(|_| Ok(Some(basic())));
    Client::new(settings).unwrap()
}

/// S54: a registry elsewhere makes us ask neither this machine nor its network.
#[test]
fn a_registry_elsewhere_does_not_lead_inside() {
    let inside = Server::of(Vec::new());
    let reference = Reference::parse("registry.example/app").unwrap();
    for target in [inside.url("/token"), "http://169.254.169.254/latest/meta-data".to_owned()] {
        let (realm, location) = (target.clone(), target.clone());
        let challenging =
            Server::start(move |_, _| Some(unauthorized(&format!("Bearer realm=\"{realm}\""))));
        let text = chain(&client_of_another_host(&challenging).resolve(&reference).unwrap_err());
        assert!(text.contains("refusing to log in to http://registry.example at"), "{text}");
        let redirecting = Server::start(move |_, _| Some(Reply::redirect(&location)));
        let text = chain(&client_of_another_host(&redirecting).resolve(&reference).unwrap_err());
        assert!(text.contains("it leads to a private address"), "{text}");
        assert_eq!((challenging.asked().len(), redirecting.asked().len()), (1, 1));
    }
    assert!(inside.asked().is_empty());
}

/// S54: what the configuration denies is not asked, whatever the registry says.
#[test]
fn a_registry_does_not_lead_to_hosts_that_are_denied() {
    let inside = TcpListener::bind("127.0.0.2:0").unwrap();
    inside.set_nonblocking(true).unwrap();
    let address = inside.local_addr().unwrap();
    let mut settings = settings();
    let deny = vec!["127.0.0.2".parse().unwrap()];
    settings.policy = Arc::new(Policy { deny, ..Policy::default() });
    settings.credentials = CredentialSource::new(|_| Ok(Some(basic())));
    let client = Client::new(settings).unwrap();
    let realm = format!("Bearer realm=\"http://{address}/token\"");
    let challenging = Server::start(move |_, _| Some(unauthorized(&realm)));
    let redirecting =
        Server::start(move |_, _| Some(Reply::redirect(&format!("http://{address}/m"))));
    for server in [&challenging, &redirecting] {
        let text = chain(&client.resolve(&reference(server)).unwrap_err());
        assert!(text.contains("127.0.0.2/32 is in network.deny"), "{text}");
        assert_eq!(server.asked().len(), 1);
    }
    let direct = Reference::parse(&format!("{address}/app")).unwrap();
    let text = chain(&client.resolve(&direct).unwrap_err());
    assert!(text.contains("127.0.0.2/32 is in network.deny"), "{text}");
    assert!(inside.accept().is_err());
}

#[test]
fn hosts_elsewhere_are_reached_through_the_proxy() {
    let image = Image::new();
    let proxy = Server::of(image.replies());
    let reference = Reference::parse("registry.example/app").unwrap();
    client_of_another_host(&proxy).resolve(&reference).unwrap();
    assert_eq!(proxy.asked()[0].header("host"), Some("registry.example"));
}

#[test]
fn unknown_challenges_and_strange_tokens() {
    for (challenge, token, expected) in [
        ("Negotiate", "{}", "neither basic nor bearer"),
        ("Bearer realm=\"http://HOST/token\"", "{}", "without a token"),
        ("Bearer realm=\"http://HOST/token\"", "<html>", "cannot read the token"),
        ("Bearer realm=\"http://HOST/token\"", r#"{"token":"a\nX-Evil: 1"}"#, "cannot reach"),
    ] {
        let server = Server::start(move |asked, _| {
            let host = asked.header("host")?;
            Some(match asked.path.starts_with("/token") {
                true => Reply::ok(token),
                false => unauthorized(&challenge.replace("HOST", host)),
            })
        });
        let error = client().resolve(&reference(&server)).unwrap_err();
        assert!(chain(&error).contains(expected), "{challenge}: {}", chain(&error));
    }
}

/// S55: registry A sends the blob's reader to B, and B asks for credentials.
#[test]
fn nothing_that_authorizes_follows_a_redirect_to_another_host() {
    let other = Server::start(|asked, _| {
        let host = asked.header("host")?;
        Some(unauthorized(&format!("Bearer realm=\"http://{host}/token\",service=\"b\"")))
    });
    let target = other.url("/stolen?signature=1");
    let image = Image::new();
    let server = Server::start(move |asked, _| match asked.authorization() {
        Some(BASIC) if asked.path.contains("/blobs/") => Some(Reply::redirect(&target)),
        Some(BASIC) => Some(image.reply(&asked.path)),
        _ => Some(unauthorized("Basic realm=\"a\"").with("Set-Cookie", "session=1")),
    });
    let client = client_as(basic());
    client.resolve(&reference(&server)).unwrap();
    let error = client.blob(&reference(&server), &Image::new().layer()).unwrap_err();
    assert!(matches!(error, Error::Denied { .. }), "{}", chain(&error));
    assert!(!chain(&error).contains("signature"));
    let asked = other.asked();
    assert_eq!(asked.len(), 1, "its challenge was not answered");
    assert_eq!((asked[0].authorization(), asked[0].header("cookie")), (None, None));
}

#[test]
fn a_redirect_to_storage_without_credentials_works() {
    let image = Image::new();
    let layer = image.layer.clone();
    let storage = Server::start(move |asked, _| match asked.authorization() {
        Some(_) => Some(Reply::new(400, "only one way to authorize")),
        None => Some(Reply::ok(&layer)),
    });
    let target = storage.url("/bucket/x?X-Amz-Signature=1");
    let server = registry_with_blobs_at(target);
    let mut blob = client().blob(&reference(&server), &image.layer()).unwrap();
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut blob, &mut bytes).unwrap();
    assert_eq!(bytes, image.layer);
    assert_eq!(storage.paths(), ["/bucket/x?X-Amz-Signature=1"]);
}

fn registry_with_blobs_at(target: String) -> Server {
    Server::start(move |asked, _| {
        let host = asked.header("host")?;
        Some(match (asked.path.starts_with("/token"), asked.authorization()) {
            (true, _) => Reply::ok(r#"{"token":"t"}"#),
            (false, Some("Bearer t")) => Reply::redirect(&target),
            _ => unauthorized(&format!("Bearer realm=\"http://{host}/token\"")),
        })
    })
}

#[test]
fn a_redirect_on_the_same_host_stays_authorized() {
    let image = Image::new();
    let server =
        Server::start(move |asked, _| match (asked.authorization(), asked.path.as_str()) {
            (None, _) => Some(unauthorized("Basic realm=\"a\"")),
            (Some(BASIC), "/moved") => Some(image.manifest_reply()),
            _ => Some(Reply::redirect("/moved")),
        });
    client_as(basic()).resolve(&reference(&server)).unwrap();
}

#[test]
fn redirects_to_nowhere_and_in_circles() {
    for (location, expected) in [
        ("/v2/app/manifests/latest", "more than 10 times"),
        ("file:///etc/passwd", "invalid location"),
        ("", "it is missing"),
        ("http://user:pw@example.com/", "user name"),
        ("http://[::1", "invalid location"),
    ] {
        let server = Server::start(move |_, _| Some(Reply::redirect(location)));
        let error = client().resolve(&reference(&server)).unwrap_err();
        assert!(chain(&error).contains(expected), "{location}: {}", chain(&error));
    }
}
