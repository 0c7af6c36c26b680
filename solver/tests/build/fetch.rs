//! Sources of ADD that are fetched: what comes again, and where a fault is shown.

use crate::server::{Reply, Server};
use crate::support::Bench;
use lapstrake_oci::Digest;
use lapstrake_solver::Error;
use lapstrake_solver::event::Outcome::{Cached, Executed};

/// Answers with its path and the number in its tag, which a test may change.
fn server(tag: &'static str) -> Server {
    Server::start(move |asked, _| {
        if asked.header("if-none-match") == Some(tag) {
            return Some(Reply::new(304, ""));
        }
        Some(Reply::ok(format!("{}{tag}", asked.path)).with("ETag", tag))
    })
}

#[test]
fn a_file_that_did_not_change_leaves_all_behind_it_cached() {
    let bench = Bench::new();
    let server = server("\"1\"");
    let dockerfile = format!("FROM base\nADD {} /d/\nRUN write g 1\n", server.url("/f"));
    let first = bench.build(&dockerfile);
    assert_eq!([first.outcome("fetch"), first.outcome("ADD")], [Executed, Executed]);
    let second = bench.build(&dockerfile);
    for step in ["fetch", "ADD", "RUN"] {
        assert_eq!(second.outcome(step), Cached, "{step}");
    }
    assert_eq!(first.built().id, second.built().id);
    assert_eq!(server.asked().len(), 2);
}

/// Where it comes from does not count, what it is does.
#[test]
fn the_same_bytes_from_elsewhere_are_the_same_layer() {
    let bench = Bench::new();
    let (one, two) = (Server::start(|_, _| Some(Reply::ok("x"))), server("\"2\""));
    let add = |server: &Server| format!("FROM base\nADD {} /d/\n", server.url("/f"));
    assert_eq!(bench.build(&add(&one)).outcome("ADD"), Executed);
    assert_eq!(bench.build(&add(&two)).outcome("ADD"), Executed, "other bytes");
    let mirror = Server::start(|_, _| Some(Reply::ok("x")));
    assert_eq!(bench.build(&add(&mirror)).outcome("ADD"), Cached);
}

#[test]
fn one_instruction_takes_from_everywhere_in_order() {
    let bench = Bench::new();
    bench.file("a", "a");
    bench.file("f", "context");
    let server = server("\"1\"");
    let urls = [server.url("/f"), server.url("/x*y%5B%5C")];
    let dockerfile = format!("FROM base\nADD a {} f {} /d/\n", urls[0], urls[1]);
    let outcomes = bench.build(&dockerfile);
    outcomes.built();
    assert_eq!(outcomes.outcome("ADD"), Executed);
    let files = bench.files(outcomes.built());
    let expected = [("/d/a", "a"), ("/d/f", "context"), ("/d/x*y[\\", "/x*y%5B%5C\"1\"")]
        .map(|(path, content)| (path.to_owned(), content.to_owned()));
    assert_eq!(files, expected);
    assert_eq!(bench.build(&dockerfile).outcome("ADD"), Cached);
}

#[test]
fn a_fault_is_at_the_word_that_it_is_about() {
    let bench = Bench::new();
    let server = Server::start(|asked, _| {
        Some(if asked.path == "/f" { Reply::ok("x") } else { Reply::not_found() })
    });
    let (file, none) = (server.url("/f"), server.url("/none"));
    let wrong = Digest::of(b"y").to_string();
    for (flag, urls, code, word) in [
        ("", format!("{file} \\\n  {none}"), "fetch", &none),
        (format!("--checksum={wrong} ").as_str(), file.clone(), "checksum", &wrong),
    ] {
        let dockerfile = format!("FROM base\nADD {flag}{urls} /d/\n");
        match bench.build(&dockerfile).result {
            Err(Error::Faults(faults)) => {
                assert_eq!(faults.len(), 1);
                assert_eq!(faults[0].code, code);
                assert_eq!(&dockerfile[faults[0].span.range()], word);
                assert!(faults[0].help.is_some());
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_login_is_in_no_history_and_no_progress() {
    let bench = Bench::new();
    let server = Server::start(|_, _| Some(Reply::ok("x")));
    let url = server.url("/f").replace("://", "://me:s3cret@");
    let outcomes = bench.build(&format!("FROM base\nADD {url} /d/\n"));
    let config = bench.config(outcomes.built());
    assert!(config.history[0].created_by.contains("http://xxxxx:xxxxx@127.0.0.1"));
    let shown = format!("{:?} {config:?}", outcomes.steps);
    assert!(!shown.contains("s3cret"), "{shown}");
}
