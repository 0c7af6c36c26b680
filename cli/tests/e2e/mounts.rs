//! `lap cache mounts`: what RUN --mount=type=cache keeps, listed and removed.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::{Background, Context, Store, text, tool, wait_for};

/// What `ls` says of each mount, by name.
fn mount(store: &Store, name: &str) -> Value {
    let lines = store.ok(&["cache", "mounts", "ls", "--no-trunc", "--format", "json"]);
    let mut rows = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    rows.find(|row| row["Name"] == name).unwrap_or_else(|| panic!("{name} in {lines}"))
}

fn names(store: &Store) -> Vec<String> {
    let lines = store.ok(&["cache", "mounts", "ls", "--format", "{{.Name}}"]);
    lines.lines().map(str::to_owned).collect()
}

/// Bytes on disk as `du` has them.
fn du(store: &Store, id: &str) -> u64 {
    let folder = store.root().join("cache").join(id);
    let line = tool("du", &["-sB1", &text(&folder)]);
    line.split_whitespace().next().and_then(|size| size.parse().ok()).expect("a size from du")
}

#[test]
fn mounts_are_listed_and_removed_by_name_and_id() {
    let store = Store::new();
    let context = Context::new(
        "FROM busybox AS a\n\
         RUN --mount=type=cache,target=/root/.cache head -c 300000 /dev/urandom > /root/.cache/x; \
         ln /root/.cache/x /root/.cache/y; mkdir /root/.cache/d\n\
         RUN --mount=type=cache,id=cargo,target=/c,sharing=locked echo 1 > /c/x\n",
    );
    store.build("x", context.path());

    let cache = mount(&store, "/root/.cache");
    let id = cache["ID"].as_str().expect("an id").to_owned();
    assert_eq!((&cache["Files"], &cache["Sharing"]), (&Value::from(2), &Value::from("shared")));
    let size = cache["Size"].as_u64().expect("a size");
    assert_eq!(size, du(&store, &id));
    assert!(size > 300_000 && size < 400_000, "{size}");
    assert!(cache["Step"].as_str().is_some_and(|step| step.starts_with("[a 2/3] RUN ")), "{cache}");
    assert_eq!(cache["InUse"], Value::from(false));
    let cargo = mount(&store, "cargo");
    assert_eq!(cargo["Sharing"], Value::from("locked"));
    assert_eq!(names(&store), ["cargo", "/root/.cache"], "what was used last comes first");
    let table = store.ok(&["cache", "mounts", "ls"]);
    assert!(table.starts_with("ID ") && table.lines().count() == 3, "{table}");

    let answer = store.answer(&["cache", "mounts", "rm", "carga"]).ends_with(1);
    answer.says(&["there is no cache mount carga", "did you mean cargo?"]);
    store.answer(&["cache", "mounts", "rm"]).ends_with(1);
    assert_eq!(store.ok(&["cache", "mounts", "rm", "--older-than", "1h"]), "Total: 0B");

    let told = store.ok(&["cache", "mounts", "rm", &id[..8]]);
    assert!(told.contains("/root/.cache\nTotal: 3"), "{told}");
    assert_eq!(names(&store), ["cargo"]);
    assert!(!store.root().join("cache").join(&id).exists());
    store.ok(&["cache", "mounts", "rm", "--all"]);
    assert_eq!(names(&store), [""; 0]);

    let script = "RUN --mount=type=cache,target=/root/.cache test ! -e /root/.cache/x\n";
    store.build("y", Context::new(&format!("FROM busybox\n{script}")).path());
    assert_eq!(names(&store), ["/root/.cache"]);
}

/// A build that holds a mount until it is told to go on, and the file that tells it.
fn holder(store: &Store, context: &Context) -> (Background, PathBuf) {
    let build = store.background(&["build", "-t", "held", &text(context.path())]);
    let folder = store.root().join("cache");
    let data = wait_for("the step to begin", || {
        let data = fs::read_dir(&folder).ok()?.next()?.ok()?.path().join("data");
        data.join("begun").exists().then_some(data)
    });
    (build, data.join("go"))
}

const HOLDS: &str = "FROM busybox\nRUN --mount=type=cache,id=held,target=/c touch /c/begun; \
                     while [ ! -e /c/go ]; do sleep 0.05; done; rm /c/go; cat /c/begun\n";

#[test]
fn what_a_running_build_uses_stays() {
    let store = Store::new();
    let (build, go) = holder(&store, &Context::new(HOLDS));
    assert_eq!(mount(&store, "held")["InUse"], Value::from(true));
    assert!(store.ok(&["cache", "mounts", "ls"]).contains("in use"));
    let answer = store.answer(&["cache", "mounts", "rm", "held"]).ends_with(1);
    answer.says(&["a running build uses held", "wait for its end"]);
    let answer = store.answer(&["cache", "mounts", "rm", "--all"]).ends_with(0);
    answer.says(&["kept: a running build uses held", "Total: 0B"]);
    fs::write(go, "").expect("let it go on");
    build.answer().ends_with(0);
    assert!(store.ok(&["cache", "mounts", "rm", "--all"]).contains("held"));
}
