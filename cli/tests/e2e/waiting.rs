//! Ctrl-C and its like while a server keeps a command waiting: it ends soon, and nothing of it stays.

use std::fs;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::faulty::{Fault, Faulty, Part};
use crate::leak::passing;
use crate::support::{Background, Context, Store, registry_address, text, wait_for, within};

const SIGNALS: [(Signal, i32); 3] =
    [(Signal::SIGINT, 130), (Signal::SIGTERM, 143), (Signal::SIGHUP, 129)];

/// How soon a build ends.
const SOON: Duration = Duration::from_secs(2);

/// Whether part of a layer has come.
fn has_begun(store: &Store) -> bool {
    let begun = |folder: fs::DirEntry| {
        let blob = fs::metadata(folder.path().join("blob"));
        blob.is_ok_and(|blob| blob.len() > 0)
    };
    let folders = fs::read_dir(store.root().join("tmp")).into_iter().flatten();
    folders.flatten().any(begun)
}

#[test]
fn nothing_stays_of_what_a_server_kept_waiting() {
    for (signal, code) in SIGNALS {
        for command in ["pull", "run", "build"] {
            within(SOON, || ends_in_the_middle(command, signal, code));
        }
    }
}

/// Returns how long it took to end.
fn ends_in_the_middle(command: &str, signal: Signal, code: i32) -> Duration {
    let server = Faulty::new(&registry_address(), Fault::Stalled, Part::Layers);
    let image = format!("{}/library/busybox", server.address);
    let context = Context::new(&format!("FROM {image}\nRUN true\n"));
    let context = text(context.path());
    let words = match command {
        "pull" => vec!["pull", "-q", &image],
        "run" => vec!["run", "--rm", "-q", &image, "true"],
        _ => vec!["build", "-q", &context],
    };
    let store = Store::new();
    store.ok(&["images"]);
    let running = store.background(&words);
    wait_for("part of a layer", || has_begun(&store).then_some(()));
    let begin = Instant::now();
    running.signal(signal);
    let answer = running.answer();
    let took = begin.elapsed();
    // The others are ended by the signal itself.
    let code = (command == "build").then_some(code);
    assert_eq!(answer.code, code, "{command} {signal}: {answer:?}");
    assert_eq!(passing(&store.root()), [""; 0], "{command} {signal} leaves files");
    took
}

/// What has the build ask a server at this address.
type Ask = fn(&str) -> (String, Vec<String>);

const ASKS: [Ask; 4] = [
    |address| (format!("FROM {address}/x/y\n"), Vec::new()),
    |address| (format!("FROM busybox\nADD http://{address}/x /\n"), Vec::new()),
    |address| {
        let to = format!("type=registry,ref={address}/x/y");
        ("FROM busybox\nRUN true\n".to_owned(), vec!["--cache-to".to_owned(), to])
    },
    |address| (String::new(), vec!["-f".to_owned(), format!("http://{address}/x")]),
];

/// The server takes connections and never answers.
#[test]
fn a_build_that_waits_for_an_answer_ends_soon() {
    ASKS.into_iter().for_each(|ask| within(SOON, || ends_unanswered(ask)));
}

/// Returns how long it took to end.
fn ends_unanswered(ask: Ask) -> Duration {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (dockerfile, flags) = ask(&listener.local_addr().expect("its number").to_string());
    let store = Store::new();
    store.ok(&["pull", "-q", "busybox"]);
    let context = Context::new(&dockerfile);
    let mut build = store.lap(&["build", "-q"]);
    build.args(&flags).arg(context.path());
    let running = Background::of(build);
    let connection = listener.accept().expect("a connection");
    let begin = Instant::now();
    running.signal(Signal::SIGINT);
    running.answer().ends_with(130);
    let took = begin.elapsed();
    assert_eq!(passing(&store.root()), [""; 0], "{dockerfile} {flags:?} leaves files");
    drop(connection);
    took
}
