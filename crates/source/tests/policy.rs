//! Hosts that are denied are not asked, whatever leads to them (S54).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::net::TcpListener;
use std::sync::Arc;

use lapstrake_http::Policy;
use lapstrake_source::{Error, Fetched};
use support::Bench;
use support::origin::Origin;
use support::server::{Reply, Server, chain};

/// Somebody at another address of this machine who is not to hear of us.
struct Inside(TcpListener);

impl Inside {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.2:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.0.local_addr().unwrap())
    }

    fn was_asked(&self) -> bool {
        self.0.accept().is_ok()
    }
}

fn bench(deny: &[&str], allow: &[&str]) -> Bench {
    let rules = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    let mut bench = Bench::new();
    bench.config.http.policy = Arc::new(Policy { deny: rules(deny), allow: rules(allow) });
    bench
}

#[track_caller]
fn assert_denied(outcome: Result<Fetched, Error>, rule: &str) {
    let error = outcome.unwrap_err();
    assert!(matches!(error, Error::Policy { .. }), "{error:?}");
    let text = chain(&error);
    assert!(text.contains(&format!("{rule} is in network.deny")), "{text}");
}

#[test]
fn neither_directly_nor_by_a_redirect() {
    let inside = Inside::new();
    let bench = bench(&["127.0.0.2"], &[]);
    assert_denied(bench.http(&inside.url("/f")), "127.0.0.2/32");
    let location = inside.url("/f");
    let server = Server::start(move |_, _| Some(Reply::redirect(&location)));
    assert_denied(bench.http(&server.url("/f")), "127.0.0.2/32");
    assert_eq!(server.asked().len(), 1);
    assert!(!inside.was_asked());
    bench.assert_clean();
    // It is there for who may ask: the connection is made, and nobody answers.
    assert!(Bench::new().http(&inside.url("/f")).is_err() && inside.was_asked());
}

#[test]
fn not_by_a_name_for_the_address() {
    let server = Server::start(|_, _| Some(Reply::ok("x")));
    let port = server.address().rsplit(':').next().unwrap().to_owned();
    let url = format!("http://localhost:{port}/f");
    assert_denied(bench(&["127.0.0.0/8", "::1"], &[]).http(&url), "127.0.0.0/8");
    assert_denied(bench(&["localhost"], &[]).http(&url), "localhost");
    assert!(server.asked().is_empty());
    // Of several addresses those remain that are not denied.
    bench(&["::/0"], &[]).http(&url).unwrap();
    bench(&["*"], &["127.0.0.0/8"]).http(&url).unwrap();
    assert_eq!(server.asked().len(), 2);
}

/// A proxy is what the user named, and may be anywhere; what it is asked for may not.
#[test]
fn not_through_a_proxy() {
    let proxy = Server::start(|_, _| Some(Reply::ok("x")));
    let mut bench = bench(&["127.0.0.0/8", "*.internal", "10.0.0.0/8"], &[]);
    bench.config.http.proxy.http = Some(proxy.url(""));
    assert_denied(bench.http("http://db.internal/f"), "*.internal");
    assert_denied(bench.http("http://10.1.1.1/f"), "10.0.0.0/8");
    assert!(proxy.asked().is_empty());
    bench.http("http://files.example/f").unwrap();
    assert_eq!(proxy.asked().len(), 1);
}

const REPOSITORY: &str = "git init -q x; cd x; echo 1 > a; git add a; git commit -qm a";

#[test]
fn not_by_git() {
    let inside = Inside::new();
    let denying = bench(&["127.0.0.2"], &[]);
    assert_denied(denying.git(&inside.url("/x.git")), "127.0.0.2/32");
    let submodule = inside.url("/y.git");
    let origin = Origin::new(&format!(
        "{REPOSITORY}; git -c protocol.file.allow=always init -q; \
         printf '[submodule \"y\"]\\n\\tpath = y\\n\\turl = {submodule}\\n' > .gitmodules; \
         git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),y; \
         git add .gitmodules; git commit -qm b"
    ));
    assert_denied(denying.git(&origin.url("x/.git")), "127.0.0.2/32");
    // Git is not to follow what nobody has looked at.
    let location = inside.url("/x.git/info/refs?service=git-upload-pack");
    let server = Server::start(move |_, _| Some(Reply::redirect(&location)));
    let error = denying.git(&server.url("/x.git")).unwrap_err();
    assert!(matches!(error, Error::Moved { .. }), "{error:?}");
    assert!(!inside.was_asked());
    denying.assert_clean();
}

/// Git is given the addresses that were looked up, and no others.
#[test]
fn git_connects_to_what_was_checked() {
    let origin = Origin::new(REPOSITORY);
    let url = origin.url("x/.git").replace("127.0.0.1", "localhost");
    assert!(url.contains("localhost"), "{url}");
    let fetched = bench(&["::/0"], &[]).git(&url).unwrap();
    assert!(fetched.is_new);
    assert_denied(bench(&["127.0.0.0/8", "::1"], &[]).git(&url), "127.0.0.0/8");
}
