//! What is done again and what is not. Every step under test writes a random number: the same number
//! twice means that it did not run again.

use crate::support::{Answer, Context, Store, text};

const RANDOM: &str = "RUN cat /proc/sys/kernel/random/uuid > /id\n";

fn id(store: &Store, context: &Context, flags: &[&str]) -> String {
    store.build_with("cached", context.path(), flags);
    store.prints("cached", &["cat", "/id"])
}

fn with_copy() -> Context {
    let dockerfile = format!("FROM busybox\nCOPY src /src\n{RANDOM}");
    Context::new(&dockerfile)
        .file("src/a.txt", "one\n")
        .file("src/deep/b.txt", "two\n")
        .file("aside.txt", "x\n")
}

#[test]
fn nothing_changed_nothing_runs() {
    let (store, context) = (Store::new(), with_copy());
    assert_eq!(id(&store, &context, &[]), id(&store, &context, &[]));
}

#[test]
fn touching_a_file_changes_nothing() {
    let (store, context) = (Store::new(), with_copy());
    let first = id(&store, &context, &[]);
    context.write("src/a.txt", "one\n");
    crate::support::tool(
        "touch",
        &["-d", "2001-02-03", &text(&context.path().join("src/deep/b.txt"))],
    );
    assert_eq!(id(&store, &context, &[]), first);
}

#[test]
fn a_file_that_is_not_copied_does_not_count() {
    let (store, context) = (Store::new(), with_copy());
    let first = id(&store, &context, &[]);
    context.write("aside.txt", "y\n");
    context.write("new.txt", "y\n");
    assert_eq!(id(&store, &context, &[]), first);
}

#[test]
fn other_content_of_the_same_size_counts() {
    let (store, context) = (Store::new(), with_copy());
    let first = id(&store, &context, &[]);
    context.write("src/a.txt", "two\n");
    assert_ne!(id(&store, &context, &[]), first);
    assert_eq!(store.prints("cached", &["cat", "/src/a.txt"]), "two");
}

#[test]
fn a_change_undone_is_cached_again() {
    let (store, context) = (Store::new(), with_copy());
    let first = id(&store, &context, &[]);
    context.write("src/a.txt", "two\n");
    id(&store, &context, &[]);
    context.write("src/a.txt", "one\n");
    assert_eq!(id(&store, &context, &[]), first);
}

#[test]
fn mode_name_and_number_of_files_count() {
    let (store, context) = (Store::new(), with_copy());
    let mut seen = vec![id(&store, &context, &[])];
    context.set_mode("src/a.txt", 0o755);
    seen.push(id(&store, &context, &[]));
    std::fs::rename(context.path().join("src/a.txt"), context.path().join("src/c.txt"))
        .expect("rename");
    seen.push(id(&store, &context, &[]));
    context.write("src/d.txt", "more\n");
    seen.push(id(&store, &context, &[]));
    std::fs::remove_file(context.path().join("src/d.txt")).expect("remove");
    assert_eq!(id(&store, &context, &[]), seen[2]);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 4, "some change was not noticed");
}

#[test]
fn an_ignored_file_does_not_count() {
    let context = with_copy().file(".dockerignore", "**/*.log\n");
    let store = Store::new();
    let first = id(&store, &context, &[]);
    context.write("src/noise.log", "y\n");
    assert_eq!(id(&store, &context, &[]), first);
    assert_eq!(store.answer(&["run", "cached", "test", "-e", "/src/noise.log"]).code, Some(1));
}

/// A step that ran again and wrote what it had written before leaves what follows cached.
#[test]
fn the_same_result_from_other_input_stops_the_rebuild() {
    let context = Context::new(&format!(
        "FROM busybox AS count\nCOPY input /input\nRUN wc -l < /input > /count\n\
         FROM busybox\nCOPY --from=count /count /count\n{RANDOM}"
    ));
    context.write("input", "one\n");
    let store = Store::new();
    let first = id(&store, &context, &[]);
    context.write("input", "two\n");
    assert_eq!(id(&store, &context, &[]), first);
    context.write("input", "two\nlines\n");
    assert_ne!(id(&store, &context, &[]), first);
}

#[test]
fn a_build_argument_counts_from_its_line_on() {
    let context = Context::new(&format!(
        "FROM busybox\n{RANDOM}ARG A\nRUN cat /proc/sys/kernel/random/uuid > /late\n"
    ));
    let store = Store::new();
    let ids = |value: &str| {
        let early = id(&store, &context, &["--build-arg", value]);
        (early, store.prints("cached", &["cat", "/late"]))
    };
    let (first, second) = (ids("A=1"), ids("A=2"));
    assert_eq!(first.0, second.0);
    assert_ne!(first.1, second.1);
    assert_eq!(ids("A=1"), first);
}

#[test]
fn proxies_do_not_count() {
    let (store, context) = (Store::new(), with_copy());
    let first = id(&store, &context, &["--build-arg", "http_proxy=http://127.0.0.1:1"]);
    assert_eq!(id(&store, &context, &["--build-arg", "http_proxy=http://127.0.0.1:2"]), first);
}

#[test]
fn no_cache_runs_everything() {
    let (store, context) = (Store::new(), with_copy());
    let first = id(&store, &context, &[]);
    let second = id(&store, &context, &["--no-cache"]);
    assert_ne!(second, first);
    assert_eq!(id(&store, &context, &[]), second, "what --no-cache built is what is cached now");
}

#[test]
fn two_builds_at_once_run_a_step_once() {
    let context = Context::new(&format!("FROM busybox\nRUN sleep 1\n{RANDOM}"));
    let store = Store::new();
    store.ok(&["pull", "busybox"]);
    let path = text(context.path());
    let start = |tag: &str| store.background(&["build", "--progress", "plain", "-t", tag, &path]);
    let both = [start("left"), start("right")];
    for build in both {
        build.answer().ends_with(0);
    }
    assert_eq!(store.prints("left", &["cat", "/id"]), store.prints("right", &["cat", "/id"]));
}

/// A hundred processes that begin on a new store at once, with eleven different steps between them:
/// every execution of one writes another random number.
#[test]
fn a_hundred_builds_at_once_run_each_step_once() {
    const RANDOM_ID: &str = "cat /proc/sys/kernel/random/uuid";
    let context = Context::new(&format!(
        "FROM busybox AS tool\nRUN sleep 0.2 && {RANDOM_ID} > /tool\n\
         FROM busybox\nCOPY data /data\nCOPY --from=tool /tool /tool\nARG KIND\n\
         RUN {RANDOM_ID} > /id.$KIND\n"
    ));
    context.write("data", "data\n");
    let store = Store::new();
    let path = text(context.path());
    let builds: Vec<_> = (0..100)
        .map(|number| {
            let (tag, kind) = (format!("s{number}"), format!("KIND={}", number % 10));
            let flags = ["build", "--progress", "plain", "-t", &tag, "--build-arg", &kind, &path];
            store.background(&flags)
        })
        .collect();
    for build in builds {
        build.answer().ends_with(0);
    }
    let number =
        |number: usize| store.prints(&format!("s{number}"), &["sh", "-c", "cat /tool /data /id.*"]);
    let first: Vec<String> = (0..10).map(number).collect();
    let (tool, _) = first[0].split_once('\n').expect("a line");
    assert!(first.iter().all(|id| id.starts_with(tool)), "the first step ran twice: {first:?}");
    let distinct: std::collections::BTreeSet<&String> = first.iter().collect();
    assert_eq!(distinct.len(), 10, "{first:?}");
    for build in 10..100 {
        assert_eq!(number(build), first[build % 10], "build {build}");
    }
}

#[test]
fn what_is_there_needs_no_registry() {
    let (store, context) = (Store::new(), with_copy());
    let first = id(&store, &context, &[]);
    let dead = store.beside("dead.toml");
    std::fs::write(&dead, "[registry.\"docker.io\"]\nmirrors = [\"http://127.0.0.1:9\"]\n")
        .expect("write");
    let mut again = store.lap(&["build", "-q", "-t", "cached", &text(context.path())]);
    Answer::of(again.env("LAPSTRAKE_CONFIG", &dead)).ends_with(0);
    assert_eq!(store.prints("cached", &["cat", "/id"]), first);

    let mut pull = store.lap(&["build", "-q", "--pull", "-t", "cached", &text(context.path())]);
    Answer::of(pull.env("LAPSTRAKE_CONFIG", &dead)).ends_with(1).says(&["busybox"]);
}

#[test]
fn two_stores_give_one_digest() {
    let context = Context::new(
        "FROM busybox\nCOPY a.txt /\nRUN mkdir /d && touch -d 2020-01-01 /d\nCMD [\"true\"]\n",
    );
    let context = context.file("a.txt", "a\n");
    let layers = || {
        let store = Store::new();
        store.build("same", context.path());
        let layout = text(&store.layout("same"));
        let config = crate::support::tool(
            "skopeo",
            &["inspect", "--config", &format!("oci:{layout}:latest")],
        );
        let config: serde_json::Value = serde_json::from_str(&config).expect("JSON from skopeo");
        config["rootfs"]["diff_ids"][1].clone()
    };
    assert_eq!(layers(), layers(), "the layer of an unchanged COPY");
}

/// What is said of a step that runs again, in plain progress and with `--explain`.
#[test]
fn a_step_that_runs_again_says_why() {
    let (store, context) = (Store::new(), with_copy());
    let path = text(context.path());
    let build = |flags: &[&str]| {
        let arguments = [&["build", "-t", "why", &path][..], flags].concat();
        store.answer(&arguments).ends_with(0)
    };
    build(&["--progress", "plain"]).says(&["first build of this step"]);
    context.write("src/a.txt", "two\n");
    let plain = build(&["--progress", "plain"]);
    plain.says(&["src/a.txt changed", "follows [2/3] COPY src /src, whose result changed"]);
    context.write("src/new.txt", "new\n");
    let told = build(&["--progress", "quiet", "--explain"]);
    told.says(&["[2/3] COPY src /src executed\n    src/new.txt is new\n"]);
    let cached = build(&["--progress", "quiet", "--explain"]);
    cached.says(&["[2/3] COPY src /src cached\n[3/3] RUN"]);
}

#[test]
fn a_base_image_that_moved_is_named() {
    let store = Store::new();
    let base = Context::new("FROM busybox\nRUN echo 1 > /base\n");
    let user = Context::new(&format!("FROM base:1\n{RANDOM}"));
    store.build("base:1", base.path());
    store.build("user", user.path());
    base.write("Dockerfile", "FROM busybox\nRUN echo 2 > /base\n");
    store.build("base:1", base.path());
    let again = store.build_with("user", user.path(), &["--explain"]);
    again.says(&["base image base:1 moved: sha256:", "… → sha256:"]);
}

/// Also where an older build on the present base had another flag, and all that lies below differs.
#[test]
fn a_base_image_that_moved_back_is_named_in_front_of_old_flags() {
    let store = Store::new();
    let base = |number: u32| {
        let context = Context::new(&format!("FROM busybox\nRUN echo {number} > /base\n"));
        store.build("base:1", context.path());
    };
    let user = Context::new(&format!("FROM base:1\n{RANDOM}RUN echo last > /last\n"));
    base(1);
    store.build_with("user", user.path(), &["--shm-size", "16m"]);
    base(2);
    store.build("user", user.path());
    base(1);
    let again = store.build("user", user.path());
    let reasons = again.stderr.matches("base image base:1 moved: sha256:").count();
    assert_eq!(reasons, 2, "{}", again.stderr);
}

/// What is mounted of the context is told as what is copied is.
#[test]
fn a_file_that_is_mounted_and_changed_is_named() {
    let store = Store::new();
    let dockerfile =
        "FROM busybox\nRUN --mount=type=bind,source=src,target=/s cat /s/app.py > /o\n";
    let context = Context::new(dockerfile).file("src/app.py", "1").file("src/other.py", "1");
    store.build("x", context.path());
    context.write("src/app.py", "2");
    store.build("x", context.path()).says(&["src/app.py changed\n"]);
}

/// Two builds that meet at one step: one runs it, and the other one says what it waits for.
#[test]
fn who_waits_for_another_build_says_so() {
    let store = Store::new();
    let context =
        Context::new("FROM busybox\nRUN sleep 10 && cat /proc/sys/kernel/random/uuid > /id\n");
    store.ok(&["pull", "busybox"]);
    let path = text(context.path());
    let build = |tag: &str| store.background(&["build", "--progress", "plain", "-t", tag, &path]);
    let answers = [build("one"), build("two")].map(|one| one.answer().ends_with(0));
    let waited = answers.iter().filter(|answer| {
        answer.stderr.contains("waiting for another build that runs this step\n")
            && answer.stderr.contains("CACHED")
    });
    assert_eq!(waited.count(), 1, "{answers:?}");
    let id = |tag: &str| store.prints(tag, &["cat", "/id"]);
    assert_eq!(id("one"), id("two"));
}

#[test]
fn a_stage_that_is_not_there_is_told() {
    let store = Store::new();
    let context =
        Context::new(&format!("FROM busybox AS build\n{RANDOM}FROM build AS last\n{RANDOM}"));
    let build =
        |filter: &str| store.build_with("x", context.path(), &["--no-cache-filter", filter]);
    build("build,LAST");
    let known = build("Build");
    assert!(!known.stderr.contains("warning"), "{}", known.stderr);
    let unknown = build("biuld,last,nosuch");
    let unknown = unknown.says(&[
        "warning: --no-cache-filter biuld does nothing: no stage has this name; did you mean build?\n",
        "warning: --no-cache-filter nosuch does nothing: no stage has this name\n",
    ]);
    assert_eq!(unknown.stderr.matches("warning").count(), 2, "{}", unknown.stderr);
}
