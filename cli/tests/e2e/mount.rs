//! `RUN --mount`: binds of the context and of stages, and caches that several builds use.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

use nix::sys::signal::Signal;

use crate::support::{Context, Store, text, wait_for};

/// Every path below a folder with its content, to see whether anything changed.
fn snapshot(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("read a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(snapshot(&path));
        } else {
            found.push((text(&path), fs::read(&path).expect("read a file")));
        }
    }
    found.sort();
    found
}

#[test]
fn the_context_is_shown_as_a_build_sees_it() {
    let context = Context::new(
        "FROM busybox\n\
         RUN --mount=target=/c find /c ! -name Dockerfile | sort > /seen && stat -c '%u:%g %a' /c/d/f >> /seen\n\
         RUN --mount=source=d,target=/c,rw touch /c/new && rm /c/f && ls /c > /written\n\
         RUN --mount=source=d,target=/c ls /c > /again\n",
    );
    let context = context.file("d/f", "f\n").file("hidden/g", "").file(".dockerignore", "hidden\n");
    context.set_mode("d/f", 0o640);
    chown(context.path().join("d/f"), Some(1234), Some(1234)).expect("chown");
    let before = snapshot(context.path());
    let store = Store::new();
    store.build("seen", context.path());
    let seen = store.prints("seen", &["cat", "/seen", "/written", "/again"]);
    assert_eq!(seen, "/c\n/c/.dockerignore\n/c/d\n/c/d/f\n0:0 640\nnew\nf");
    assert_eq!(snapshot(context.path()), before);
}

#[test]
fn a_changed_file_costs_one_file() {
    let context = Context::new("FROM busybox\nRUN --mount=target=/c cat /c/* > /all\n");
    let context = context.file("same", "same\n").file("changed", "one\n");
    let store = Store::new();
    let inodes = |name: &str| {
        let layers = fs::read_dir(store.root().join("layers")).expect("layers");
        let files =
            layers.map(|layer| layer.expect("a layer").path().join("fs/content").join(name));
        let mut found: Vec<u64> =
            files.filter_map(|file| Some(fs::metadata(file).ok()?.ino())).collect();
        found.sort_unstable();
        found.dedup();
        found.len()
    };
    store.build("one", context.path());
    context.write("changed", "two\n");
    store.build("two", context.path());
    assert!(store.prints("two", &["cat", "/all"]).contains("two"));
    assert_eq!((inodes("same"), inodes("changed")), (1, 2));
}

/// CVE-2024-11218: a link in a stage leads nowhere but in the stage.
#[test]
fn a_stage_cannot_lead_out_of_itself() {
    let context = Context::new(
        "FROM busybox AS evil\nRUN ln -s / /rootdir && ln -s ../../../../../../.. /up\n\
         FROM busybox\n\
         RUN --mount=from=evil,source=/rootdir,target=/m,rw touch /m/lap-was-here && ls /m/bin/busybox\n\
         RUN --mount=from=evil,source=/up,target=/m ls -d /m/rootdir\n",
    );
    let store = Store::new();
    store.build("contained", context.path());
    assert!(!Path::new("/lap-was-here").exists());
}

#[test]
fn a_cache_outlives_the_build_and_is_in_no_image() {
    let context = Context::new(
        "FROM busybox\nARG STEP\nRUN --mount=type=cache,target=/c echo $STEP >> /c/steps && cp /c/steps /seen\n",
    );
    let store = Store::new();
    for step in ["one", "two"] {
        store.build_with("cached", context.path(), &["--build-arg", &format!("STEP={step}")]);
    }
    assert_eq!(store.prints("cached", &["cat", "/seen"]), "one\ntwo");
    assert_eq!(store.answer(&["run", "cached", "test", "-e", "/c"]).code, Some(1));
}

#[test]
fn ids_that_look_like_paths_stay_in_the_store() {
    let context = Context::new(
        "FROM busybox\nRUN --mount=type=cache,id=../../../../lap-escape,target=/c touch /c/x\n\
         RUN --mount=type=cache,id=/etc/lap-escape,target=/c touch /c/x\n",
    );
    let store = Store::new();
    store.build("ids", context.path());
    for path in ["/lap-escape", "/etc/lap-escape"] {
        assert!(!Path::new(path).exists(), "{path}");
    }
    assert_eq!(fs::read_dir(store.root().join("cache")).expect("caches").count(), 2);
}

/// BuildKit's testCacheMountSourceEscape.
#[test]
fn a_link_in_a_cache_does_not_lead_out_of_it() {
    let context = Context::new(
        "FROM busybox\nRUN --mount=type=cache,id=e,target=/cache rm -rf /cache/* && ln -s /etc /cache/sel\n\
         RUN --mount=type=cache,id=e,source=sel,target=/victim cat /victim/passwd\n",
    );
    let store = Store::new();
    store.try_build("victim", context.path(), &[]).ends_with(1).says(&["sel"]);
}

#[test]
fn what_cannot_be_mounted_is_underlined() {
    let store = Store::new();
    for (mount, column, words) in [
        ("target=/proc/sys/x,source=config", "2:20", ["/proc/sys/x", "kernel"]),
        ("type=cache,target=/c,source=none", "2:41", ["/none", "No such file"]),
        ("target=/m,source=confg", "2:30", ["/confg", "not found"]),
    ] {
        let context = Context::new(&format!("FROM busybox\nRUN --mount={mount} true\n"));
        let context = context.file("config", "");
        let answer = store.try_build("x", context.path(), &["--format", "short"]).ends_with(1);
        answer.says(&[column]).says(&words);
    }
}

/// Starts a build of this RUN on a cache.
fn start(store: &Store, context: &Context, tag: &str) -> crate::support::Background {
    store.background(&["build", "--progress", "plain", "-t", tag, &text(context.path())])
}

/// A step that fails when another one has the cache at the same time.
fn exclusive(word: &str) -> Context {
    Context::new(&format!(
        "FROM busybox\nRUN --mount=type=cache,id=x,sharing=locked,target=/c \
         mkdir /c/busy && sleep 1 && rmdir /c/busy && echo {word} >> /c/log && cp /c/log /log\n"
    ))
}

#[test]
fn a_locked_cache_is_used_by_one_process_at_a_time() {
    let store = Store::new();
    store.ok(&["pull", "busybox"]);
    let contexts = ["a", "b", "c"].map(exclusive);
    let builds: Vec<_> = contexts
        .iter()
        .zip(["a", "b", "c"])
        .map(|(context, tag)| start(&store, context, tag))
        .collect();
    for build in builds {
        build.answer().ends_with(0);
    }
    let logs = ["a", "b", "c"].map(|tag| store.prints(tag, &["cat", "/log"]).lines().count());
    assert_eq!(logs.iter().sum::<usize>(), 1 + 2 + 3, "each sees those before it: {logs:?}");
}

#[test]
fn a_shared_cache_is_used_by_several_at_a_time() {
    let store = Store::new();
    store.ok(&["pull", "busybox"]);
    // Each waits for the other one.
    let meeting = |mine: &str, other: &str| {
        Context::new(&format!(
            "FROM busybox\nRUN --mount=type=cache,id=x,target=/c touch /c/{mine} && \
             for i in $(seq 300); do test -e /c/{other} && exit 0; sleep 0.1; done; exit 1\n"
        ))
    };
    let (left, right) = (meeting("left", "right"), meeting("right", "left"));
    let builds = [start(&store, &left, "left"), start(&store, &right, "right")];
    for build in builds {
        build.answer().ends_with(0);
    }
}

#[test]
fn a_private_cache_is_anothers_while_it_is_used() {
    let store = Store::new();
    store.ok(&["pull", "busybox"]);
    // Each has it until the other one has begun.
    let private = |word| {
        Context::new(&format!(
            "FROM busybox\nRUN --mount=type=cache,id=x,sharing=private,target=/c \
             --mount=type=cache,id=meeting,target=/m touch /m/{word}; \
             while [ $(ls /m | wc -l) -lt 2 ]; do sleep 0.1; done; echo {word} >> /c/log; cp /c/log /log\n"
        ))
    };
    let contexts = ["a", "b"].map(private);
    let builds = [start(&store, &contexts[0], "a"), start(&store, &contexts[1], "b")];
    for build in builds {
        build.answer().ends_with(0);
    }
    assert_eq!(store.prints("a", &["cat", "/log"]), "a");
    assert_eq!(store.prints("b", &["cat", "/log"]), "b");
    let third = private("c");
    store.build("c", third.path());
    let log = store.prints("c", &["cat", "/log"]);
    assert!(log == "a\nc" || log == "b\nc", "a free one is taken again: {log:?}");
}

#[test]
fn a_killed_build_lets_go_of_its_cache() {
    let store = Store::new();
    store.ok(&["pull", "busybox"]);
    let holder = Context::new(
        "FROM busybox\nRUN --mount=type=cache,id=x,sharing=locked,target=/c touch /c/held && sleep 600\n",
    );
    let mut build = start(&store, &holder, "holder");
    let cache = store.root().join("cache");
    let is_held = || {
        let folders = fs::read_dir(&cache).ok()?;
        let held = folders.flatten().any(|folder| folder.path().join("data/held").exists());
        held.then_some(())
    };
    wait_for("the cache to be used", is_held);
    assert!(build.is_running());
    build.signal(Signal::SIGKILL);
    let next = Context::new(
        "FROM busybox\nRUN --mount=type=cache,id=x,sharing=locked,target=/c ls /c > /seen\n",
    );
    store.build("next", next.path());
    assert_eq!(store.prints("next", &["cat", "/seen"]), "held");
}

/// BuildKit's testCacheMountParallel, moby/buildkit#5566.
#[test]
fn nested_caches_of_stages_at_the_same_time() {
    let context = Context::new(
        "FROM busybox AS b1\nRUN --mount=type=cache,target=/foo/bar --mount=type=cache,target=/foo/bar/baz echo 1\n\
         FROM busybox AS b2\nRUN --mount=type=cache,target=/foo/bar --mount=type=cache,target=/foo/bar/baz echo 2\n\
         FROM scratch\nCOPY --from=b1 /etc/passwd p1\nCOPY --from=b2 /etc/passwd p2\n",
    );
    let store = Store::new();
    for _ in 0..5 {
        store.build_with("nested", context.path(), &["--no-cache"]);
    }
}
