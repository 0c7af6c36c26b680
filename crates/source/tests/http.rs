//! Files behind URLs: what is asked, what is taken, and what a hostile server gains (S53).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lapstrake_oci::Digest;
use lapstrake_source::{Error, Fetcher};
use support::server::{Reply, Server, chain, dead_host};
use support::{Bench, source};

const TIME: &str = "Thu, 02 Jan 2020 03:04:05 GMT";
const SECONDS: i64 = 1_577_934_245;

fn serving(reply: Reply) -> Server {
    Server::start(move |_, _| Some(reply.clone()))
}

#[test]
fn a_file_has_the_name_of_its_url_the_time_of_its_server_and_belongs_to_root_alone() {
    let bench = Bench::new();
    let server = serving(
        Reply::ok("remote\n")
            .with("Last-Modified", TIME)
            .with("Content-Disposition", "attachment; filename=\"../../x\""),
    );
    let fetched = bench.http(&server.url("/a/f.txt?x=1")).unwrap();
    assert_eq!(fetched.modified, Some(SECONDS));
    assert!(fetched.is_new);
    assert_eq!(bench.list(&fetched.layer), [format!("600 {SECONDS} /f.txt")]);
    assert_eq!(bench.read(&fetched.layer, "f.txt"), "remote\n");
    let timeless = serving(Reply::ok("remote\n"));
    let other = bench.http(&timeless.url("/f.txt")).unwrap();
    assert_eq!(bench.list(&other.layer), ["600 0 /f.txt"]);
    assert_eq!(other.modified, None);
    bench.assert_clean();
}

#[test]
fn what_did_not_change_does_not_come_again() {
    let old = "Thu, 02 Jan 2020 03:10:00 GMT";
    for (name, first, later) in [
        ("an entity tag", Reply::ok("x").with("ETag", "\"1\""), Reply::new(304, "")),
        (
            "a server that ignores the question",
            Reply::ok("x").with("ETag", "W/\"1\""),
            Reply::ok("y").with("ETag", "\"1\"").cut_after(0),
        ),
        (
            "time and length",
            Reply::ok("x").with("Last-Modified", TIME).with("Date", old),
            Reply::ok("y").with("Last-Modified", TIME).with("Date", old).cut_after(0),
        ),
    ] {
        let bench = Bench::new();
        let server = Server::start(move |_, before| {
            Some(if before == 0 { first.clone() } else { later.clone() })
        });
        let url = server.url("/f");
        let fetched = bench.http(&url).unwrap();
        let again = bench.http(&url).unwrap();
        assert_eq!(again.layer, fetched.layer, "{name}");
        assert!(fetched.is_new && !again.is_new, "{name}");
        assert_eq!(bench.read(&again.layer, "f"), "x", "{name}");
        assert_eq!(server.asked().len(), 2, "{name}");
    }
}

#[test]
fn what_changed_comes_again() {
    let bench = Bench::new();
    let server = Server::start(|asked, before| {
        let tag = if before == 1 { "\"2\"" } else { "\"1\"" };
        if asked.header("if-none-match").is_some_and(|tags| tags.contains(tag)) {
            return Some(Reply::new(304, "").with("ETag", tag));
        }
        Some(Reply::ok(tag).with("ETag", tag))
    });
    let url = server.url("/f");
    let content = || bench.read(&bench.http(&url).unwrap().layer, "f");
    assert_eq!([content(), content(), content()], ["\"1\"", "\"2\"", "\"1\""]);
    let tags: Vec<_> = server
        .asked()
        .iter()
        .map(|asked| asked.header("if-none-match").map(str::to_owned))
        .collect();
    assert_eq!(tags, [None, Some("\"1\"".to_owned()), Some("\"2\", \"1\"".to_owned())]);
}

/// Nothing says that it is the same, so it comes each time.
#[test]
fn without_validators_nothing_is_taken_for_granted() {
    let bench = Bench::new();
    let server = Server::start(|_, before| {
        let fresh = Reply::ok(before.to_string());
        Some(fresh.with("Last-Modified", TIME).with("Date", "Thu, 02 Jan 2020 03:04:06 GMT"))
    });
    let content = || bench.read(&bench.http(&server.url("/f")).unwrap().layer, "f");
    assert_eq!([content(), content()], ["0", "1"]);
}

#[test]
fn a_known_checksum_asks_nobody() {
    let bench = Bench::new();
    let server = serving(Reply::ok("x").with("Last-Modified", TIME));
    let checksum = Digest::of(b"x");
    let first = bench.http_with(&server.url("/f"), &checksum).unwrap();
    assert_eq!(server.asked().len(), 1);
    let again = bench.http_with(&server.url("/f"), &checksum).unwrap();
    assert_eq!((again.layer, again.modified), (first.layer, Some(SECONDS)));
    let elsewhere = format!("http://{}/f", dead_host());
    assert_eq!(bench.http_with(&elsewhere, &checksum).unwrap().layer, first.layer);
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_wrong_checksum_keeps_nothing_and_names_both() {
    let bench = Bench::new();
    let server = serving(Reply::ok("x").with("ETag", "\"1\""));
    let wanted = Digest::of(b"y");
    for _ in 0..2 {
        let error = bench.http_with(&server.url("/f"), &wanted).unwrap_err();
        assert!(error.is_checksum());
        let text = error.to_string();
        assert!(text.contains(&wanted.to_string()), "{text}");
        assert!(text.contains(&Digest::of(b"x").to_string()), "{text}");
    }
    assert_eq!(std::fs::read_dir(bench.store.root().join("layers")).unwrap().count(), 0);
    bench.assert_clean();
    // Also when the body is known already.
    bench.http(&server.url("/f")).unwrap();
    assert!(bench.http_with(&server.url("/f"), &wanted).unwrap_err().is_checksum());
}

#[test]
fn one_command_asks_once() {
    let bench = Bench::new();
    let server = serving(Reply::ok("x"));
    bench.fetch(|fetcher| {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| fetcher.http(&source(&server.url("/f"), None)).unwrap());
            }
        });
    });
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn redirects_are_followed_but_only_to_http_and_not_for_ever() {
    let bench = Bench::new();
    let server = Server::start(|asked, _| {
        Some(match asked.path.as_str() {
            "/f" => Reply::redirect("/g?x=1"),
            "/g?x=1" => Reply::ok("x"),
            "/file" => Reply::redirect("file:///etc/passwd"),
            "/ftp" => Reply::redirect("ftp://127.0.0.1/x"),
            "/none" => Reply::new(302, ""),
            "/loop" => Reply::redirect("/loop"),
            _ => Reply::not_found(),
        })
    });
    let fetched = bench.http(&server.url("/f")).unwrap();
    assert_eq!(bench.read(&fetched.layer, "f"), "x", "the name is that of the URL asked for");
    for path in ["/file", "/ftp", "/none"] {
        let error = bench.http(&server.url(path)).unwrap_err();
        assert!(matches!(error, Error::Redirect { .. }), "{path}: {error}");
    }
    let before = server.asked().len();
    let error = bench.http(&server.url("/loop")).unwrap_err();
    assert!(matches!(error, Error::Redirects { limit: 10, .. }), "{error}");
    assert_eq!(server.asked().len() - before, 11);
    bench.assert_clean();
}

#[test]
fn hostile_bodies_end_in_bounded_time_and_leave_nothing() {
    let mut bench = Bench::new();
    bench.config.most_bytes = 1000;
    bench.config.http.timeouts.idle = Duration::from_millis(300);
    let server = Server::start(|asked, _| {
        let big = vec![b'x'; 200_000];
        Some(match asked.path.as_str() {
            "/endless" => Reply::ok(&big).chunked(),
            "/long" => Reply::ok(&big),
            "/cut" => Reply::ok(&big[..900]).cut_after(500),
            "/silent" => Reply::ok(&big[..900]).cut_after(500).stalling(Duration::from_secs(30)),
            _ => Reply::not_found(),
        })
    });
    for (path, expected) in [
        ("/endless", "larger than 1000 bytes"),
        ("/long", "larger than 1000 bytes"),
        ("/cut", "was cut"),
        ("/silent", "no data within 0.3 s"),
    ] {
        let begin = Instant::now();
        let text = chain(&bench.http(&server.url(path)).unwrap_err());
        assert!(text.contains(expected), "{path}: {text}");
        assert!(begin.elapsed() < Duration::from_secs(20), "{path}");
    }
    bench.assert_clean();
    assert_eq!(std::fs::read_dir(bench.store.root().join("layers")).unwrap().count(), 0);
}

#[test]
fn a_slow_drip_ends_too() {
    let mut bench = Bench::new();
    bench.config.most_seconds = 0;
    let server = serving(Reply::ok("x"));
    let error = bench.http(&server.url("/f")).unwrap_err();
    assert!(error.to_string().contains("no end within 0 s"), "{error}");
}

#[test]
fn names_lead_nowhere() {
    let bench = Bench::new();
    let server = serving(Reply::ok("x"));
    for (path, name) in [
        ("/..%2f", "/download"),
        ("/%2e%2e", "/download"),
        ("/..%2f..%2fvictim", "/victim"),
        ("/a%00b", "/download"),
        ("/", "/__unnamed__"),
        ("/.wh.x", "/.wh.x"),
    ] {
        let fetched = bench.http(&server.url(path)).unwrap();
        assert_eq!(bench.list(&fetched.layer), [format!("600 0 {name}")], "{path}");
    }
    bench.assert_clean();
}

#[test]
fn what_is_not_there_says_its_status_and_what_to_do() {
    let bench = Bench::new();
    for (status, text, hint) in [
        (404, "404 Not Found", "check the address"),
        (401, "401 Unauthorized", "HTTP_AUTH_TOKEN_127.0.0.1"),
        (500, "500 Internal Server Error", ""),
    ] {
        let server = serving(Reply::new(status, "x"));
        let error = bench.http(&server.url("/f?sig=s3cret")).unwrap_err();
        assert_eq!(error.to_string(), format!("{} answered {text}", server.url("/f")));
        assert!(error.hint().unwrap_or_default().contains(hint), "{error}");
    }
    let error = bench.http(&format!("http://{}/f", dead_host())).unwrap_err();
    assert!(chain(&error).contains("refused"), "{}", chain(&error));
}

#[test]
fn credentials_go_to_their_host_alone_and_are_shown_nowhere() {
    let mut bench = Bench::new();
    let other = serving(Reply::ok("x").with("ETag", "\"1\""));
    let to = other.url("/g");
    let server = Server::start(move |asked, _| {
        Some(match asked.path.as_str() {
            "/away" => Reply::redirect(&to),
            "/home" => Reply::redirect("/f"),
            "/fail" => Reply::new(403, ""),
            _ => Reply::ok("x").with("ETag", "\"1\""),
        })
    });
    let asked = |server: &Server| server.asked().last().unwrap().authorization().map(str::to_owned);
    let with_login = |path| server.url(path).replace("://", "://me:pa55word@");
    bench.http(&with_login("/f")).unwrap();
    assert_eq!(asked(&server).as_deref(), Some("Basic bWU6cGE1NXdvcmQ="));
    bench.http(&with_login("/away")).unwrap();
    assert_eq!(asked(&other), None);
    bench.secret("HTTP_AUTH_HEADER_127.0.0.1", "Custom h34der\n");
    bench.http(&server.url("/home")).unwrap();
    assert_eq!(asked(&server).as_deref(), Some("Custom h34der"));
    bench.secret("HTTP_AUTH_TOKEN_127.0.0.1", "t0ken");
    bench.http(&with_login("/f")).unwrap();
    assert_eq!(asked(&server).as_deref(), Some("Bearer t0ken"));
    bench.http(&server.url("/away")).unwrap();
    assert_eq!(asked(&other), None);
    let error = bench.http(&with_login("/fail")).unwrap_err();
    let text = format!("{} {error:?} {:?}", chain(&error), error.hint());
    for secret in ["pa55word", "bWU6cGE1NXdvcmQ", "h34der", "t0ken"] {
        assert_eq!(bench.files_with(secret), "", "{secret}");
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn cancelling_ends_a_transfer() {
    let bench = Bench::new();
    let server = serving(Reply::ok(vec![b'x'; 1 << 20]));
    let stop = AtomicBool::new(false);
    let cancelled = || stop.swap(true, Ordering::SeqCst);
    let fetcher =
        Fetcher::new(&bench.store, bench.config.clone(), bench.secrets.clone(), &cancelled);
    let error = fetcher.unwrap().http(&source(&server.url("/f"), None)).unwrap_err();
    assert!(matches!(error, Error::Cancelled), "{error}");
    bench.assert_clean();
}
