//! A registry that wants more than it should get, or gives other things than it should (S55 to S58).
//! Further ones are beside what they attack: `auth`, `fetch`, `mirror`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::io::Read as _;

use lapstrake_oci::{Descriptor, Digest, Index, MediaType, Platform};
use support::server::{Asked, Reply, Server, chain};
use support::{Image, MANIFEST_TYPE, basic, client, client_as, content, reference};

const BASIC: &str = "Basic bWU6c2VjcmV0";
const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = r#"{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","size":3}"#;

/// Lets in who shows the password, and answers `open` then.
fn behind_a_password(open: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Server {
    Server::start(move |asked, _| match asked.authorization() {
        Some(BASIC) => Some(open(asked).with("Set-Cookie", "session=secret; Path=/")),
        _ => Some(Reply::new(401, "{}").with("WWW-Authenticate", "Basic realm=\"here\"")),
    })
}

/// Whoever is behind this wants to be logged in to.
fn greedy() -> Server {
    Server::start(|asked, _| {
        let realm = format!("Bearer realm=\"http://{}/token\"", asked.header("host")?);
        Some(Reply::new(401, "{}").with("WWW-Authenticate", &realm))
    })
}

fn assert_saw_no_secret(server: &Server) {
    let asked = server.asked();
    assert!(!asked.is_empty(), "it was asked for something");
    for asked in asked {
        assert_eq!(asked.authorization(), None, "{}", asked.path);
        assert_eq!(asked.header("cookie"), None, "{}", asked.path);
        assert!(!asked.path.contains("token"), "{}", asked.path);
    }
}

/// S55: a host that a blob is redirected to asks for a login of its own.
#[test]
fn a_redirect_to_a_host_that_wants_a_login() {
    let other = greedy();
    let to = other.url("/blob");
    let server = behind_a_password(move |_| Reply::redirect(&to));
    let layer = Image::new().layer();
    let error = client_as(basic()).blob(&reference(&server), &layer).err().unwrap();
    assert!(chain(&error).contains("denied"), "{}", chain(&error));
    assert_saw_no_secret(&other);
}

/// S55: an upload that goes on elsewhere.
#[test]
fn an_upload_that_leads_elsewhere() {
    let other = Server::start(|_, _| Some(Reply::new(201, "")));
    let to = other.url("/upload?state=1");
    let server = behind_a_password(move |asked| match asked.method.as_str() {
        "HEAD" => Reply::new(404, ""),
        _ => Reply::new(202, "").with("Location", &to),
    });
    let blob = Descriptor::of(MediaType::OciConfig, b"abc");
    client_as(basic()).push_blob(&reference(&server), &blob, None, &content(b"abc")).unwrap();
    assert_saw_no_secret(&other);
    assert_eq!(other.asked()[0].body, "abc");
}

/// S55: what a registry sets as a cookie is not sent again, not even to itself.
#[test]
fn cookies_are_not_kept() {
    let server = behind_a_password(|asked| Image::new().reply(&asked.path));
    let client = client_as(basic());
    client.resolve(&reference(&server)).unwrap();
    client.resolve(&reference(&server)).unwrap();
    assert!(server.asked().iter().all(|asked| asked.header("cookie").is_none()));
}

fn manifest_with_layer_digest(digest: &str) -> String {
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{MANIFEST_TYPE}","config":{CONFIG},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{digest}","size":3}}]}}"#
    )
}

fn refused(body: &[u8], content_type: &str) -> String {
    let reply = Reply::ok(body).with("Content-Type", content_type);
    let server = Server::start(move |_, _| Some(reply.clone()));
    chain(&client().resolve(&reference(&server)).unwrap_err())
}

/// S56: digests that are paths, or not written as they should be.
#[test]
fn digests_that_are_none() {
    let upper = "sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD";
    let long = format!("sha512:{}", "0".repeat(128));
    for digest in ["sha256:../../x", "sha256:", "../x", "", upper, &long, "md5:00"] {
        let text = refused(manifest_with_layer_digest(digest).as_bytes(), MANIFEST_TYPE);
        assert!(text.contains("cannot use"), "{digest}: {text}");
    }
}

/// S57: documents that mean one thing to one reader and another to the next.
#[test]
fn ambiguous_documents() {
    let head = r#""schemaVersion":2"#;
    let typed = |kind: &str| format!(r#""mediaType":"{kind}""#);
    let (manifest, index) = (typed(MANIFEST_TYPE), typed(INDEX_TYPE));
    let body = format!(r#""config":{CONFIG},"layers":[]"#);
    let docker = "application/vnd.docker.distribution.manifest.v2+json";
    let cases = [
        (format!("{{{head},{body},\"manifests\":[]}}"), MANIFEST_TYPE),
        (format!("{{{head},{body},\"manifests\":[]}}"), INDEX_TYPE),
        (format!("{{{head},{index},{body}}}"), MANIFEST_TYPE),
        (format!("{{{head},{manifest},{body}}}"), INDEX_TYPE),
        (format!("{{{head},{manifest},{body}}}"), docker),
        (format!("{{{head},{manifest},\"manifests\":[]}}"), INDEX_TYPE),
        (format!("{{{head},{index},\"manifests\":[]}}"), MANIFEST_TYPE),
        (format!("{{{head},{index},\"layers\":[]}}"), INDEX_TYPE),
        (format!("{{\"schemaVersion\":1,{manifest},{body}}}"), MANIFEST_TYPE),
        (format!("{{{manifest},{body}}}"), MANIFEST_TYPE),
        (format!("{{{head},{manifest},{manifest},{body}}}"), MANIFEST_TYPE),
        (format!("{{{head},{manifest},{body},\"layers\":[]}}"), MANIFEST_TYPE),
        (format!("{{{head},{manifest},\"layers\":[]}}"), MANIFEST_TYPE),
        (format!("{{{head},{manifest},{body}}} {{}}"), MANIFEST_TYPE),
        (format!("[{{{head},{manifest},{body}}}]"), MANIFEST_TYPE),
    ];
    for (document, content_type) in cases {
        let text = refused(document.as_bytes(), content_type);
        assert!(text.contains("cannot use"), "{document} as {content_type}: {text}");
    }
}

/// S58: more than anybody needs.
#[test]
fn documents_without_measure() {
    let layer = r#"{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","size":3},"#;
    let layers = layer.repeat(20_000);
    let many = format!(
        r#"{{"schemaVersion":2,"mediaType":"{MANIFEST_TYPE}","config":{CONFIG},"layers":[{}]}}"#,
        layers.trim_end_matches(',')
    );
    let deep = format!(
        r#"{{"schemaVersion":2,"mediaType":"{MANIFEST_TYPE}","config":{CONFIG},"layers":[],"x":{}{}}}"#,
        "[".repeat(1000),
        "]".repeat(1000)
    );
    for document in [many, deep] {
        let text = refused(document.as_bytes(), MANIFEST_TYPE);
        assert!(text.contains("cannot use"), "{text}");
    }
    // Four megabytes have to be taken (distribution-spec 1.1).
    let padding = " ".repeat(4 * 1024 * 1024 - manifest_with_layer_digest("").len() - 100);
    let digest = Digest::of(b"abc").to_string();
    let large = manifest_with_layer_digest(&digest) + &padding;
    let reply = Reply::ok(large).with("Content-Type", MANIFEST_TYPE);
    let server = Server::start(move |_, _| Some(reply.clone()));
    client().resolve(&reference(&server)).unwrap();
}

/// S58: an index cannot name itself by digest, but a registry may answer whatever is asked for with
/// indexes that lead on and on.
#[test]
fn indexes_that_lead_on_and_on() {
    let amd64 = Platform::parse("linux/amd64").unwrap();
    let mut body = b"end".to_vec();
    let mut documents = Vec::new();
    for _ in 0..20 {
        let mut entry = Descriptor::of(MediaType::OciIndex, &body);
        entry.platform = Some(amd64.clone());
        body = Index::new(MediaType::OciIndex, vec![entry]).to_bytes().unwrap();
        documents.push((format!("/v2/app/manifests/{}", Digest::of(&body)), body.clone()));
    }
    documents.push(("/v2/app/manifests/latest".to_owned(), body));
    let replies = documents
        .into_iter()
        .map(|(path, body)| (path, Reply::ok(body).with("Content-Type", INDEX_TYPE)));
    let server = Server::of(replies.collect());
    let client = client();
    let resolved = client.resolve(&reference(&server)).unwrap();
    let error = client.select(&reference(&server), resolved, &amd64).unwrap_err();
    assert!(chain(&error).contains("indexes stand above"), "{}", chain(&error));
    assert!(server.asked().len() < 10, "{}", server.asked().len());
}

/// A connection that is cut anywhere is taken up there.
#[test]
fn a_download_cut_at_a_hundred_places() {
    let image = Image::new();
    let size = image.layer.len();
    let layer = image.layer.clone();
    let (sender, cuts) = std::sync::mpsc::channel();
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    for _ in 0..100 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        sender.send(usize::try_from(state >> 33).unwrap() % size).unwrap();
    }
    drop(sender);
    let cuts = std::sync::Mutex::new(cuts);
    let server = Server::start(move |asked, _| {
        let start = match asked.header("range") {
            Some(range) => range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()?,
            None => 0,
        };
        let range = format!("bytes {start}-{}/{}", layer.len() - 1, layer.len());
        let status = if start > 0 { 206 } else { 200 };
        let reply = Reply::new(status, &layer[start..]).with("Content-Range", &range);
        // Only what begins at the start is cut.
        Some(match start {
            0 => reply.cut_after(cuts.lock().unwrap().recv().ok()?),
            _ => reply,
        })
    });
    let client = client();
    for _ in 0..100 {
        let mut read = Vec::new();
        let mut blob = client.blob(&reference(&server), &image.layer()).unwrap();
        blob.read_to_end(&mut read).unwrap();
        assert!(read == image.layer);
    }
    assert_eq!(server.asked().len(), 200);
}
