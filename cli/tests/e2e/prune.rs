//! `lap cache prune`: what it removes, what it leaves, and what the next build says.

use std::fs;
use std::path::PathBuf;

use crate::support::{Background, Context, Store, text, wait_for};

/// The names of what lies in a folder of the store.
fn names(store: &Store, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(store.root().join(folder)).expect(folder);
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn layers(store: &Store) -> usize {
    names(store, "layers").iter().filter(|name| name.starts_with("blake3-")).count()
}

#[test]
fn what_no_image_needs_goes_and_the_next_build_says_that_it_was_evicted() {
    let store = Store::new();
    let context = Context::new(
        "FROM busybox AS a\nRUN --mount=type=cache,target=/c head -c 300000 /dev/urandom > /file\n\
         FROM busybox\nCOPY --from=a /file /copied\n",
    );
    store.build("x", context.path());
    assert_eq!(layers(&store), 2);
    let copied = store.prints("x", &["md5sum", "/copied"]);

    let dry = store.ok(&["cache", "prune", "--dry-run"]);
    assert_eq!(layers(&store), 2);
    let told = store.ok(&["cache", "prune"]);
    // Ages may have gone on in between.
    assert_eq!(dry.lines().count(), told.lines().count());
    assert!(dry.contains("RUN") && told.contains("[a 2/2] RUN --mount=type=cache"), "{told}");
    assert!(told.starts_with("ID ") && told.contains("regular") && told.contains("RECLAIMABLE"));
    assert!(told.contains("exec.cachemount") && told.lines().count() == 4, "{told}");
    let total = told.lines().last().unwrap_or_default();
    assert!(total.starts_with("Total: 3") && total.ends_with("kB"), "{total}");
    assert_eq!((layers(&store), names(&store, "cache").len()), (1, 0));
    assert_eq!(store.prints("x", &["md5sum", "/copied"]), copied, "the image is whole");
    assert_eq!(store.ok(&["cache", "prune"]), "Total: 0B");

    let again = store.build_with("y", context.path(), &["--explain"]);
    let again = again.says(&["evicted "]);
    assert!(again.stderr.contains(" ago"), "{}", again.stderr);
    assert_ne!(store.prints("y", &["md5sum", "/copied"]), copied, "the step ran again");
}

#[test]
fn filters_ages_and_room_keep_things() {
    let store = Store::new();
    let context = Context::new(
        "FROM busybox\nRUN --mount=type=cache,target=/c echo 1 > /c/x\nRUN echo second > /second\n",
    );
    store.build("x", context.path());
    store.ok(&["rmi", "x"]);
    let prune = |flags: &[&str]| {
        store.ok(&[&["cache", "prune", "--dry-run"], flags].concat()).lines().count()
    };
    // A header, both steps, the cache, and the total.
    assert_eq!(prune(&[]), 5);
    assert_eq!(prune(&["--older-than", "1h"]), 1);
    assert_eq!(prune(&["--older-than", "0s"]), 5);
    assert_eq!(prune(&["--filter", "until=24h"]), 1);
    assert_eq!(prune(&["--keep-storage", "1g"]), 1);
    assert_eq!(prune(&["--filter", "type=exec.cachemount"]), 3);
    assert_eq!(prune(&["--filter", "description~=second"]), 3);
    // The second step stands on the first one.
    assert_eq!(prune(&["--filter", "description~=echo 1"]), 1);
    assert_eq!(
        prune(&["--filter", "description!~=second"]),
        3,
        "only the cache: the first stays below"
    );
    assert_eq!(prune(&["--filter", "mutable"]), 3);
    assert_eq!(prune(&["--filter", "immutable"]), 4);
    assert_eq!(prune(&["--filter", "type!=exec.cachemount"]), 4);
    assert_eq!(prune(&["--filter", "id~=blake3"]), 4);
    assert_eq!(prune(&["--filter", "inuse"]), 1);
    assert_eq!(prune(&["--filter", "inuse=false"]), 5);
    assert_eq!(prune(&["--filter", "private"]), 5);
    assert_eq!(prune(&["--filter", "shared"]), 1);
    assert_eq!(prune(&["--filter", "private", "--filter", "mutable"]), 3);
    assert_eq!(prune(&["--reserved-space", "1g"]), 1);
    // There is room for a byte on every disk, and for more than all disks on none.
    assert_eq!(prune(&["--min-free-space", "1"]), 1);
    assert_eq!(prune(&["--min-free-space", "1000000t"]), 5);
    let answer = store.answer(&["cache", "prune", "--filter", "colour=red"]).ends_with(1);
    answer.says(&["there are type, id, description, until, unused-for, shared"]);
    store.answer(&["cache", "prune", "--min-free-space", "1", "--keep-storage", "1"]).ends_with(1);
}

/// The file that a step waits for, once it does.
fn gate(store: &Store) -> PathBuf {
    let folder = store.root().join("cache");
    let data = wait_for("the step to begin", || {
        let data = fs::read_dir(&folder).ok()?.next()?.ok()?.path().join("data");
        data.join("begun").exists().then_some(data)
    });
    data.join("go")
}

fn start(store: &Store, context: &Context) -> Background {
    store.background(&["build", "--progress", "plain", "-t", "x", &text(context.path())])
}

#[test]
fn beside_a_running_build_nothing_goes_that_it_uses() {
    let store = Store::new();
    let stages = "FROM busybox AS found\nRUN echo found > /found\n\
                  FROM busybox AS waits\nCOPY --from=found /found /early\n\
                  RUN --mount=type=cache,target=/c touch /c/begun; \
                  while [ ! -e /c/go ]; do sleep 0.05; done; cat /early > /waited\n\
                  FROM busybox\nCOPY --from=waits /waited /\nCOPY --from=found /found /\n";
    let context = Context::new(stages);
    let other = Context::new("FROM busybox\nRUN echo other > /other\n");
    store.build("other", other.path());
    store.build_with("found", context.path(), &["--target", "found"]);
    store.ok(&["rmi", "other", "found"]);

    let build = start(&store, &context);
    let go = gate(&store);
    let told = store.ok(&["cache", "prune", "--all"]);
    assert!(told.contains("RUN echo other") && !told.contains("found"), "{told}");
    fs::write(go, "").expect("let it go on");
    build.answer().ends_with(0);
    assert_eq!(store.prints("x", &["cat", "/waited", "/found"]), "found\nfound");
    assert!(names(&store, "leases").is_empty());
}

#[test]
fn a_container_keeps_its_files() {
    let store = Store::new();
    let context = Context::new("FROM busybox\nRUN echo late > /late\n");
    store.build("x", context.path());
    let script = "echo begun > /v/begun; while [ ! -e /v/go ]; do sleep 0.05; done; cat /late";
    let shared = store.beside("shared");
    fs::create_dir(&shared).expect("create a folder");
    let volume = format!("{}:/v", text(&shared));
    let container = store.background(&["run", "--rm", "-v", &volume, "x", "sh", "-c", script]);
    wait_for("the container to begin", || shared.join("begun").exists().then_some(()));
    store.ok(&["rmi", "x"]);
    let told = store.ok(&["cache", "prune", "--all"]);
    assert!(!told.contains("echo late"), "{told}");
    fs::write(shared.join("go"), "").expect("let it go on");
    assert_eq!(container.answer().ends_with(0).stdout, "late\n");
}
