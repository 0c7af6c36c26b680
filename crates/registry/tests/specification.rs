//! What the distribution specification 1.1 asks of clients that push, held against a registry that
//! takes nothing else. What it asks of clients that pull is in `fetch.rs`, `hostile.rs` and `auth.rs`.
//!
//! | section | what | where |
//! |---|---|---|
//! | Pulling manifests | `Accept` names every type that is understood; the digest is that of the bytes | `fetch.rs`: `a_whole_image`, `documents_that_are_not_what_was_asked_for` |
//! | Pulling blobs | redirects are followed; `Range` takes a download up again | `auth.rs`: `a_redirect_to_storage…`, `fetch.rs`: `a_cut_connection…`, `a_server_without_ranges…` |
//! | Pushing blobs: POST then PUT | one request with all bytes, type, length, digest | `a_small_blob_goes_in_one_request` |
//! | Pushing a blob in chunks | `Location` of each answer is where the next request goes, word for word; `Content-Range`, `Content-Length` | `a_large_blob_goes_where_each_answer_says` |
//! | … in chunks: 416 | ask how far it came, go on there | `a_chunk_out_of_order_is_taken_up_where_the_registry_is` |
//! | Mounting a blob | 201 is the end, 202 a session to go on in | `a_mount_that_is_not_granted_is_an_upload` |
//! | Pushing manifests | after all that they name; `Content-Type` is their own type | `a_manifest_comes_last_and_says_what_it_is` |
//! | Pushing manifests with subject | the subject's tag is kept where `OCI-Subject` is not answered | `docker_registry.rs`: `what_is_about_an_image_is_found_under_a_tag`, here: `a_registry_that_lists_referrers_needs_no_tag` |
//! | Listing referrers | pages; a 404 leads to the tag | `fetch.rs`: `what_is_about_an_image_comes_in_pages` |
//! | Listing tags | `Link` leads to the next page | `fetch.rs`: `tags_over_several_pages` |
//! | Error codes | message and code of the body are shown; 429 is waited for | `mirror.rs`: `an_unknown_image_says_who_was_asked`, `fetch.rs`: `waits_as_long_as…` |

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use lapstrake_oci::{Compression, Descriptor, Digest, Manifest, MediaType};
use lapstrake_registry::{Error, Uploaded};
use support::server::{Asked, Reply, Server, chain};
use support::{client, content, reference};

/// What the registry has, and how it behaves.
#[derive(Default)]
struct Strict {
    blobs: BTreeMap<String, String>,
    manifests: BTreeMap<String, String>,
    /// Bytes of each upload, by the only address at which it goes on.
    uploads: BTreeMap<String, String>,
    /// How many addresses were given out.
    addresses: usize,
    /// Addresses are whole URLs.
    absolute: Option<String>,
    /// How many chunks are cut short and refused.
    refusals: usize,
    /// Whether it lists what is about a manifest itself.
    lists_referrers: bool,
}

const UPLOADS: &str = "/v2/app/blobs/uploads/";

impl Strict {
    /// An address that was never there before, with a question of its own.
    fn address(&mut self, bytes: String) -> String {
        self.addresses += 1;
        let path = format!("/somewhere/{}?state=a%2Fb{}", self.addresses, self.addresses);
        self.uploads.insert(path.clone(), bytes);
        format!("{}{path}", self.absolute.as_deref().unwrap_or_default())
    }

    fn accepted(&mut self, bytes: String) -> Reply {
        let range = format!("0-{}", bytes.len().saturating_sub(1));
        let location = self.address(bytes);
        Reply::new(202, "").with("Location", &location).with("Range", &range)
    }

    fn answer(&mut self, asked: &Asked) -> Reply {
        let path = asked.path.as_str();
        let (address, digest) = match path.split_once("&digest=") {
            Some((address, digest)) => (address, Some(digest.replace("%3A", ":"))),
            None => (path, None),
        };
        match asked.method.as_str() {
            "HEAD" => match path.rsplit('/').next() {
                Some(name) if path.contains("/blobs/") && self.blobs.contains_key(name) => {
                    Reply::ok("")
                }
                _ => Reply::not_found(),
            },
            "POST" if path.starts_with(UPLOADS) => match asked.header("content-length") {
                Some("0") => self.accepted(String::new()),
                other => refused(&format!("a POST with the length {other:?}")),
            },
            "PATCH" => self.chunk(asked),
            "GET" if self.uploads.contains_key(path) => {
                let bytes = self.uploads.remove(path).unwrap();
                let reply = self.accepted(bytes);
                Reply::new(204, "")
                    .with("Location", reply.header("Location"))
                    .with("Range", reply.header("Range"))
            }
            "PUT" if path.starts_with("/v2/app/manifests/") => self.manifest(asked),
            "PUT" => match (self.uploads.remove(address), digest) {
                (Some(bytes), Some(digest)) => self.blob(bytes + &asked.body, &digest),
                found => refused(&format!("a PUT to {path}: {found:?}")),
            },
            _ => Reply::not_found(),
        }
    }

    fn chunk(&mut self, asked: &Asked) -> Reply {
        let Some(before) = self.uploads.remove(&asked.path) else {
            return refused("a PATCH to another address than the last one given");
        };
        let range = format!("{}-{}", before.len(), before.len() + asked.body.len() - 1);
        let is_well_formed = asked.header("content-type") == Some("application/octet-stream")
            && asked.header("content-length") == Some(&asked.body.len().to_string())
            && asked.header("content-range") == Some(&range);
        if !is_well_formed {
            return refused(&format!("a chunk without type, length or range: {:?}", asked.headers));
        }
        if self.refusals > 0 {
            self.refusals -= 1;
            // Half of it has arrived; then another chunk is said to be due.
            let half = before + &asked.body[..asked.body.len() / 2];
            self.uploads.insert(asked.path.clone(), half);
            return Reply::new(416, "");
        }
        self.accepted(before + &asked.body)
    }

    fn blob(&mut self, bytes: String, digest: &str) -> Reply {
        if Digest::of(bytes.as_bytes()).to_string() != digest {
            return refused("the digest is not that of the bytes");
        }
        self.blobs.insert(digest.to_owned(), bytes);
        Reply::new(201, "").with("Location", &format!("/v2/app/blobs/{digest}"))
    }

    fn manifest(&mut self, asked: &Asked) -> Reply {
        let Ok(manifest) = Manifest::parse(asked.body.as_bytes()) else {
            return refused("no manifest");
        };
        let all = manifest.layers.iter().chain([&manifest.config]);
        let lacking = all.filter(|one| !self.blobs.contains_key(&one.digest.to_string())).count();
        let stated = manifest.media_type.map(|kind| kind.to_string());
        if lacking > 0 || asked.header("content-type") != stated.as_deref() {
            return refused(&format!(
                "{lacking} blobs are not here, or the type is not {stated:?}"
            ));
        }
        let name = asked.path.rsplit('/').next().unwrap().to_owned();
        self.manifests.insert(name, asked.body.clone());
        let reply = Reply::new(201, "");
        match manifest.subject.filter(|_| self.lists_referrers) {
            Some(subject) => reply.with("OCI-Subject", &subject.digest.to_string()),
            None => reply,
        }
    }
}

fn refused(why: &str) -> Reply {
    Reply::new(
        400,
        format!(r#"{{"errors":[{{"code":"UNSUPPORTED","message":"{}"}}]}}"#, why.replace('"', "'")),
    )
}

/// A registry that begins as `strict` is.
fn registry(strict: Strict) -> (Server, Arc<Mutex<Strict>>) {
    let state = Arc::new(Mutex::new(strict));
    let shared = Arc::clone(&state);
    (Server::start(move |asked, _| Some(shared.lock().unwrap().answer(asked))), state)
}

fn layer(bytes: &str) -> Descriptor {
    Descriptor::of(MediaType::OciLayer(Compression::None), bytes.as_bytes())
}

fn methods(server: &Server) -> Vec<String> {
    server.asked().into_iter().map(|asked| asked.method).collect()
}

#[test]
fn a_small_blob_goes_in_one_request() {
    let (server, state) = registry(Strict::default());
    let bytes = "small";
    let push =
        || client().push_blob(&reference(&server), &layer(bytes), None, &content(bytes.as_bytes()));
    assert_eq!(push().unwrap(), Uploaded::Sent);
    assert_eq!(methods(&server), ["HEAD", "POST", "PUT"]);
    assert_eq!(state.lock().unwrap().blobs.values().next().unwrap(), bytes);
    assert_eq!(push().unwrap(), Uploaded::Existed);
}

#[test]
fn a_large_blob_goes_where_each_answer_says() {
    let bytes = "large ".repeat(100_000);
    for is_absolute in [false, true] {
        let (server, state) = registry(Strict::default());
        state.lock().unwrap().absolute = is_absolute.then(|| server.url(""));
        let (reference, layer) = (reference(&server), layer(&bytes));
        let sent = client().push_blob(&reference, &layer, None, &content(bytes.as_bytes()));
        assert_eq!(sent.unwrap(), Uploaded::Sent);
        assert_eq!(methods(&server), ["HEAD", "POST", "PATCH", "PUT"]);
        assert!(*state.lock().unwrap().blobs.values().next().unwrap() == bytes);
    }
}

#[test]
fn a_chunk_out_of_order_is_taken_up_where_the_registry_is() {
    let bytes = "large ".repeat(100_000);
    let (server, state) = registry(Strict { refusals: 2, ..Strict::default() });
    let sent =
        client().push_blob(&reference(&server), &layer(&bytes), None, &content(bytes.as_bytes()));
    assert_eq!(sent.unwrap(), Uploaded::Sent);
    assert_eq!(methods(&server), ["HEAD", "POST", "PATCH", "GET", "PATCH", "GET", "PATCH", "PUT"]);
    assert!(*state.lock().unwrap().blobs.values().next().unwrap() == bytes);
}

#[test]
fn a_mount_that_is_not_granted_is_an_upload() {
    let (server, _) = registry(Strict::default());
    let bytes = "small";
    let (reference, layer) = (reference(&server), layer(bytes));
    let sent =
        client().push_blob(&reference, &layer, Some("else/where"), &content(bytes.as_bytes()));
    assert_eq!(sent.unwrap(), Uploaded::Sent);
    let post = &server.asked()[1];
    assert!(post.path.contains("from=else") && post.path.contains("mount=sha256"), "{post:?}");
    assert_eq!(methods(&server), ["HEAD", "POST", "PUT"]);
}

#[test]
fn a_manifest_comes_last_and_says_what_it_is() {
    let (server, state) = registry(Strict::default());
    let (client, reference) = (client(), reference(&server));
    let config = Descriptor::of(MediaType::OciConfig, b"{}");
    let manifest = Manifest::new(MediaType::OciManifest, config.clone(), vec![layer("layer")]);
    let bytes = manifest.to_bytes().unwrap();
    let push = || client.push_document(&reference, &MediaType::OciManifest, &bytes);
    let error = push().unwrap_err();
    assert!(matches!(error, Error::Status { status: 400, .. }), "{error:?}");
    assert!(chain(&error).contains("2 blobs are not here"), "{}", chain(&error));
    client.push_blob(&reference, &layer("layer"), None, &content(b"layer")).unwrap();
    client.push_blob(&reference, &config, None, &content(b"{}")).unwrap();
    assert_eq!(push().unwrap(), Digest::of(&bytes));
    assert_eq!(state.lock().unwrap().manifests["latest"].as_bytes(), bytes);
}

#[test]
fn a_registry_that_lists_referrers_needs_no_tag() {
    for lists_referrers in [true, false] {
        let (server, state) = registry(Strict { lists_referrers, ..Strict::default() });
        let (client, reference) = (client(), reference(&server));
        let config = Descriptor::of(MediaType::OciConfig, b"{}");
        client.push_blob(&reference, &config, None, &content(b"{}")).unwrap();
        let mut about = Manifest::new(MediaType::OciManifest, config, Vec::new());
        about.subject = Some(Descriptor::of(MediaType::OciManifest, b"subject"));
        let bytes = about.to_bytes().unwrap();
        let pushed = client.push_document(&reference, &MediaType::OciManifest, &bytes);
        // The strict registry takes no index, so that the tag is seen in what was asked.
        assert_eq!(pushed.is_ok(), lists_referrers);
        let tag = format!("sha256-{}", Digest::of(b"subject").hex());
        assert_eq!(server.paths().iter().any(|path| path.ends_with(&tag)), !lists_referrers);
        assert_eq!(state.lock().unwrap().manifests.len(), 1);
    }
}
