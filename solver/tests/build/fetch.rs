//! Sources of ADD that are fetched: what comes again, and where a fault is shown.

use crate::origin::Origin;
use crate::server::{Reply, Server};
use crate::support::Bench;
use lapstrake_oci::Digest;
use lapstrake_solver::Error;
use lapstrake_solver::event::Outcome::{Cached, Executed};

const REPOSITORY: &str = "git init -q -b main x.git; cd x.git; mkdir d; echo one > f
    tar -cf d/a.tar --files-from /dev/null; git add .; git commit -qm x";

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

#[test]
fn a_repository_is_added_as_its_files() {
    let bench = Bench::new();
    let origin = Origin::new(REPOSITORY);
    bench.file("a", "context");
    let commit = origin.shell("git -C x.git rev-parse HEAD");
    let url = origin.url("x.git");
    for (instruction, expected) in [
        (format!("ADD {url} /d/"), vec![("/d/d/a.tar", ""), ("/d/f", "one\n")]),
        (format!("ADD --checksum={commit} {url}#main:d /"), vec![("/a.tar", "")]),
        (format!("ADD a {url}#main:d /d/"), vec![("/d/a", "context"), ("/d/a.tar", "")]),
        (format!("ADD --unpack=true {url}#main:d /d/"), vec![("/d/a.tar", "")]),
    ] {
        let dockerfile = format!("FROM base\n{instruction}\n");
        let outcomes = bench.build(&dockerfile);
        let files = bench.files(outcomes.built());
        let shown: Vec<_> =
            files.iter().map(|(path, text)| (path.as_str(), text.trim_matches('\0'))).collect();
        assert_eq!(shown, expected, "{instruction}");
        let again = bench.build(&dockerfile);
        assert_eq!(
            [again.outcome("fetch"), again.outcome("ADD")],
            [Cached, Cached],
            "{instruction}"
        );
    }
    let kept = bench.build(&format!("FROM base\nADD --keep-git-dir {url} /d\n"));
    let files = bench.paths(kept.built());
    assert!(files.iter().any(|path| path == "/d/.git/HEAD"), "{files:?}");
}

/// Which commit it is does not count for what follows, only what is in it.
#[test]
fn a_new_commit_with_the_same_files_leaves_all_behind_it_cached() {
    let bench = Bench::new();
    let origin = Origin::new(REPOSITORY);
    let dockerfile = format!("FROM base\nADD {}#main:d /d/\nRUN write g 1\n", origin.url("x.git"));
    bench.build(&dockerfile).built();
    origin.shell("cd x.git; echo two > f; git commit -qam y");
    let again = bench.build(&dockerfile);
    assert_eq!(again.outcome("fetch"), Executed);
    assert_eq!([again.outcome("ADD"), again.outcome("RUN")], [Cached, Cached]);
}

#[test]
fn a_fault_of_a_repository_is_at_its_word_or_its_checksum() {
    let bench = Bench::new();
    let origin = Origin::new(REPOSITORY);
    let url = origin.url("x.git");
    for (instruction, code, word) in [
        (format!("ADD {url}#none /"), "fetch", format!("{url}#none")),
        (format!("ADD --checksum=abc {url} /"), "checksum", "abc".to_owned()),
        (format!("ADD {url}?checksum=abc /"), "checksum", format!("{url}?checksum=abc")),
    ] {
        let dockerfile = format!("FROM base\n{instruction}\n");
        match bench.build(&dockerfile).result {
            Err(Error::Faults(faults)) => {
                assert_eq!(faults[0].code, code, "{faults:?}");
                assert_eq!(dockerfile[faults[0].span.range()], word);
            }
            other => panic!("{other:?}"),
        }
    }
}
