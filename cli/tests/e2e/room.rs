//! `--max-size`: what the store takes on disk, as `du` says, and what goes for it.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::{Answer, Context, Store, prepared, scratch, text, tool};

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
    assert!(begin.elapsed() < Duration::from_secs(60), "it took {:?}", begin.elapsed());
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
    // It is there already, so nothing is added.
    store.build_with("small", writing("a", 1).path(), &["--max-size", &cap]);
    store.build_with("large", large.path(), &["--max-size", "0"]);
}

/// Either of two has room, and not both: one of them ends, and not both.
#[test]
fn of_two_builds_one_gives_up() {
    let store = Store::new();
    store.build("small", writing("a", 1).path());
    let cap = du(&store.root()) + 60 * MIB;
    let flags = ["--max-size", &cap.to_string()];
    let contexts = ["b", "c"].map(|name| {
        Context::new(&format!(
            "FROM busybox\nRUN for n in $(seq 20); do dd if=/dev/zero bs=1M count=2 >> /{name}; sleep 0.1; done; sleep 2\n"
        ))
    });
    let built = std::thread::scope(|scope| {
        let (store, flags) = (&store, &flags);
        let builds = [("b", &contexts[0]), ("c", &contexts[1])]
            .map(|(tag, context)| scope.spawn(move || store.try_build(tag, context.path(), flags)));
        builds.map(|build| build.join().expect("a build").code)
    });
    let mut codes = built.map(|code| code.expect("an exit code"));
    codes.sort_unstable();
    assert_eq!(codes, [0, 1]);
    assert!(du(&store.root()) <= cap, "the store takes {} of {cap}", du(&store.root()));
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

/// A file of so many mebibytes without holes.
fn write_blob(path: &Path, size: u64) {
    let size = usize::try_from(size * MIB).expect("a size");
    fs::write(path, vec![b'x'; size]).expect("write a blob");
}

/// A store with its base image that may take so many mebibytes more.
fn bounded(room: u64) -> (Store, u64) {
    let store = Store::new();
    store.build("base", Context::new("FROM busybox\n").path());
    let cap = du(&store.root()) + room * MIB;
    (store, cap)
}

/// Builds twice. Neither time is there an image, and each time the store takes what it may take.
#[track_caller]
fn refused_twice((store, cap): &(Store, u64), context: &Context, flags: &[&str]) {
    let most = cap.to_string();
    let flags = [&["--max-size", &most], flags].concat();
    for attempt in ["the first", "the second"] {
        let answer = store.try_build("large", context.path(), &flags);
        answer.ends_with(1).says(&["the store takes", "may take", "lap rmi", "under [store]"]);
        let takes = du(&store.root());
        assert!(takes <= *cap, "after {attempt} build the store takes {takes} of {cap}");
        assert_eq!(store.answer(&["inspect", "large"]).code, Some(1), "{attempt}");
    }
}

#[test]
fn a_copied_file_that_was_refused_goes() {
    let context = Context::new("FROM busybox\nCOPY blob /\n");
    write_blob(&context.path().join("blob"), 40);
    let bounded = bounded(10);
    refused_twice(&bounded, &context, &[]);
    bounded.0.build_with("large", context.path(), &["--max-size", "1g"]);
}

#[test]
fn copied_small_files_that_were_refused_go() {
    let context = Context::new("FROM busybox\nCOPY files /files\n");
    fs::create_dir(context.path().join("files")).expect("create a folder");
    for number in 0..400 {
        let path = context.path().join(format!("files/{number}"));
        fs::write(path, vec![b'x'; 100_000]).expect("write a file");
    }
    refused_twice(&bounded(10), &context, &[]);
}

#[test]
fn a_bound_folder_that_was_refused_goes() {
    let context = Context::new("FROM busybox\nRUN --mount=type=bind,target=/in test -e /in/blob\n");
    write_blob(&context.path().join("blob"), 40);
    refused_twice(&bounded(10), &context, &[]);
}

/// Of a build that has no room for all its steps those stay that have.
#[test]
fn what_fits_of_a_refused_build_stays() {
    let context = Context::new(
        "FROM busybox\nRUN dd if=/dev/zero of=/a bs=1M count=4\nCOPY blob /\nRUN touch /end\n",
    );
    write_blob(&context.path().join("blob"), 40);
    let (store, cap) = bounded(10);
    refused_twice(&(store, cap), &context, &[]);
    let (store, cap) = bounded(10);
    let flags = ["--max-size", &cap.to_string()];
    store.try_build("large", context.path(), &flags).ends_with(1);
    let again = store.try_build("large", context.path(), &flags).ends_with(1);
    // The base image and the first step.
    assert_eq!(again.stderr.matches("CACHED").count(), 2, "{}", again.stderr);
}

#[test]
fn a_cache_mount_that_was_refused_goes() {
    let context = Context::new(
        "FROM busybox\nRUN --mount=type=cache,target=/c dd if=/dev/zero of=/c/blob bs=1M count=40 && sleep 30\n",
    );
    let bounded = bounded(10);
    refused_twice(&bounded, &context, &[]);
    assert!(!bounded.0.ok(&["cache", "mounts", "ls"]).contains("/c"));
}

/// Nothing is executed.
#[test]
fn what_comes_from_a_shared_cache_counts() {
    let context = Context::new("FROM busybox\nCOPY blob /\n");
    write_blob(&context.path().join("blob"), 40);
    let folder = scratch();
    let place = folder.path().join("cache");
    let to = format!("type=local,dest={}", text(&place));
    Store::new().build_with("large", context.path(), &["--cache-to", &to]);
    let from = format!("type=local,src={}", text(&place));
    let bounded = bounded(10);
    refused_twice(&bounded, &context, &["--cache-from", &from]);
    let flags = ["--cache-from", &from, "--max-size", "1g"];
    let answer = bounded.0.build_with("large", context.path(), &flags);
    // The base image and the step.
    assert_eq!(answer.stderr.matches("CACHED").count(), 2, "{}", answer.stderr);
}

/// All steps are cached, in a store that takes more than it may.
#[test]
fn a_new_image_of_cached_steps_has_to_fit() {
    let bounded = bounded(10);
    let (store, cap) = &bounded;
    let context = Context::new("FROM busybox\nCOPY blob /\n");
    write_blob(&context.path().join("blob"), 40);
    store.build("large", context.path());
    let flags = ["--max-size", &cap.to_string()];
    // It adds nothing, under this name or another one.
    store.build_with("large", context.path(), &flags);
    store.build_with("also", context.path(), &flags);
    let other = [&flags[..], &["--label", "a=b"]].concat();
    store.try_build("other", context.path(), &other).ends_with(1).says(&["the store takes"]);
    store.ok(&["rmi", "large", "also"]);
    assert!(du(&store.root()) > *cap, "the layer is still in the cache");
    refused_twice(&bounded, &context, &[]);
}
