//! `--max-size`: what the store takes on disk, as `du` says, and what goes for it.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::{Answer, Context, Store, prepared, text, tool};

const MIB: u64 = 1 << 20;

/// Bytes on disk.
fn du(folder: &Path) -> u64 {
    let shown = tool("du", &["-s", "-B1", &text(folder)]);
    shown.split('\t').next().and_then(|size| size.parse().ok()).expect("a size")
}

/// A step that writes so many mebibytes of its own.
fn writing(name: &str, size: u64) -> Context {
    Context::new(&format!(
        "FROM busybox\nRUN dd if=/dev/zero of=/{name} bs=1M count={size} && cat /proc/sys/kernel/random/uuid > /id\n"
    ))
}

#[test]
fn what_was_used_least_recently_goes() {
    let store = Store::new();
    let contexts = ["a", "b", "c", "d"].map(|name| writing(name, 8));
    store.build("s", contexts[0].path());
    let cap = du(&store.root()) + 20 * MIB;
    let flags = ["--max-size", &cap.to_string()];
    let id = |context: &Context, flags: &[&str]| {
        let answer = store.build_with("s", context.path(), flags);
        assert!(du(&store.root()) <= cap, "the store takes {} of {cap}", du(&store.root()));
        (store.prints("s", &["cat", "/id"]), answer)
    };
    let [first, second] = [0, 1].map(|index: usize| id(&contexts[index], &flags).0);
    // It is used, so of the two the other one goes.
    assert_eq!(id(&contexts[0], &flags).0, first);
    assert!(!id(&contexts[2], &flags).1.stderr.contains("removed"));
    id(&contexts[3], &flags).1.says(&["removed", "of the cache"]);
    let answer = store.build("s", contexts[1].path());
    assert_ne!(store.prints("s", &["cat", "/id"]), second);
    answer.says(&["evicted"]);
}

#[test]
fn a_step_that_fills_the_store_is_stopped() {
    let store = Store::new();
    store.build("s", writing("a", 1).path());
    let cap = du(&store.root()) + 30 * MIB;
    let before = store.prints("s", &["cat", "/id"]);
    let endless = Context::new(
        "FROM busybox\nRUN while :; do dd if=/dev/zero bs=1M count=2 >> /large; sleep 0.02; done\n",
    );
    let begin = Instant::now();
    store.try_build("s", endless.path(), &["--max-size", &cap.to_string()]).ends_with(1).says(&[
        "the store takes",
        "may take",
        "--max-size",
        "lap rmi",
    ]);
    assert!(begin.elapsed() < Duration::from_secs(20), "it took {:?}", begin.elapsed());
    assert!(du(&store.root()) <= cap, "the store takes {} of {cap}", du(&store.root()));
    assert_eq!(store.prints("s", &["cat", "/id"]), before);
}

/// What a step made that was over before anybody looked gets no name.
#[test]
fn an_image_without_room_gets_no_name() {
    let store = Store::new();
    store.build("small", writing("a", 1).path());
    let cap = (du(&store.root()) + 2 * MIB).to_string();
    let large = writing("b", 8);
    store.try_build("large", large.path(), &["--max-size", &cap]).ends_with(1).says(&["lap rmi"]);
    assert_eq!(store.answer(&["inspect", "large"]).code, Some(1));
    // Nothing is executed, so nothing is looked at.
    store.build_with("small", writing("a", 1).path(), &["--max-size", &cap]);
    store.build_with("large", large.path(), &["--max-size", "0"]);
}

#[test]
fn the_configuration_says_it_too() {
    let store = Store::new();
    store.build("small", writing("a", 1).path());
    let cap = du(&store.root()) + 2 * MIB;
    let usual = fs::read_to_string(prepared("LAPSTRAKE_CONFIG")).expect("read the configuration");
    let config = store.beside("config.toml");
    fs::write(&config, format!("[store]\nmax-size = \"{cap}\"\n{usual}")).expect("write");
    let context = writing("b", 8);
    let path = text(context.path());
    let build = |more: &[&str]| {
        let arguments = [&["build", "-t", "large"], more, &[&path]].concat();
        Answer::of(store.lap(&arguments).env("LAPSTRAKE_CONFIG", &config))
    };
    build(&[]).ends_with(1).says(&["the store takes"]);
    build(&["--max-size", "1g"]).ends_with(0);
}
