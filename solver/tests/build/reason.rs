//! What is said of a step that the cache has no result of, for each op and each part of its key.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use lapstrake_solver::graph::Limit;
use lapstrake_solver::lower::RunOptions;

use crate::server::Reply;
use crate::support::Bench;

#[test]
fn a_step_is_first_once_and_nothing_is_said_of_what_is_cached() {
    let bench = Bench::new();
    let dockerfile = "FROM base\nWORKDIR /w\nRUN write f 1\n";
    let first = bench.build(dockerfile);
    assert_eq!(first.why("WORKDIR"), "first build of this step");
    assert_eq!(first.why("write f"), "first build of this step");
    assert!(bench.build(dockerfile).reasons.is_empty());
}

#[test]
fn whoever_wants_no_cache_is_told_so() {
    let mut bench = Bench::new();
    bench.build("FROM base\nRUN write f 1\n").built();
    bench.no_cache = true;
    assert_eq!(bench.build("FROM base\nRUN write f 1\n").why("write f"), "asked to run again");
}

#[test]
fn files_of_a_context() {
    let bench = Bench::new();
    for (path, content) in [("src/app.py", "1"), ("src/lib/a", "a"), ("src/lib/b", "b")] {
        bench.file(path, content);
    }
    let why = || bench.build("FROM base\nCOPY src /src\n").why("COPY").to_owned();
    assert_eq!(why(), "first build of this step");
    bench.file("src/app.py", "2");
    assert_eq!(why(), "src/app.py changed");
    bench.file("src/new.py", "3");
    assert_eq!(why(), "src/new.py is new");
    fs::remove_file(bench.context().join("src/lib/b")).unwrap();
    assert_eq!(why(), "src/lib/b is gone");
    let path = bench.context().join("src/lib/a");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(why(), "src/lib/a has mode 600 instead of 644");
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("../app.py", &path).unwrap();
    bench.file("src/app.py", "4");
    assert_eq!(why(), "src/app.py changed, and 1 other file");
    assert_eq!(why(), "");
}

#[test]
fn of_several_earlier_builds_the_nearest_one_counts() {
    let bench = Bench::new();
    let build = |one: &str, two: &str| {
        bench.file("d/one", one);
        bench.file("d/two", two);
        bench.build("FROM base\nARG V=1\nCOPY d /d\n").why("COPY").to_owned()
    };
    build("1", "1");
    build("2", "2");
    assert_eq!(build("1", "1"), "");
    let why = |version: &str| {
        let dockerfile = format!("FROM base\nARG A={version}\nENV B={version}\nARG C\nRUN x\n");
        bench.build(&dockerfile).why("RUN x").to_owned()
    };
    why("1");
    assert_eq!(why("2"), "A changed: 1 → 2");
}

#[test]
fn flags_of_a_copy() {
    let bench = Bench::new();
    bench.file("a", "a");
    bench.file("b", "other");
    let why = |line: &str| bench.build(&format!("FROM base\n{line}\n")).why("COPY").to_owned();
    why("COPY a /d/");
    assert_eq!(why("COPY --chown=1:2 a /d/"), "the owner changed: nothing → 1:2");
    assert_eq!(why("COPY --chmod=600 --chown=1:2 a /d/"), "the mode changed: nothing → 600");
    assert_eq!(why("COPY --chmod=600 --chown=1:2 a /e/"), "the destination changed: /d/ → /e/");
    assert_eq!(why("COPY --chmod=600 --chown=1:2 b /e/"), "what is copied changed: a → b");
}

#[test]
fn a_here_document() {
    let bench = Bench::new();
    let why = |text: &str| {
        let dockerfile = format!("FROM base\nCOPY <<E /d/\n{text}\nE\n");
        bench.build(&dockerfile).why("COPY").to_owned()
    };
    why("one");
    assert_eq!(why("two"), "E changed");
}

#[test]
fn files_of_a_stage() {
    let bench = Bench::new();
    let why = |text: &str| {
        let dockerfile = format!(
            "FROM base AS b\nRUN write out {text}\nFROM base\nCOPY --from=b /out /o\nRUN x\n"
        );
        let outcomes = bench.build(&dockerfile);
        ["write out", "COPY", "RUN x"].map(|step| outcomes.why(step).to_owned())
    };
    why("1");
    let [run, copy, after] = why("2");
    assert_eq!(run, "the command changed: write out 1 → write out 2");
    assert_eq!(copy, "/out changed");
    assert_eq!(after, "follows [stage-1 2/3] COPY --from=b /out /o, whose result changed");
}

#[test]
fn what_a_command_is_given() {
    let mut bench = Bench::new();
    let why = |bench: &Bench, lines: &str| {
        bench.build(&format!("FROM base\n{lines}\nRUN write f 1\n")).why("write f").to_owned()
    };
    let user = "USER 1\nENV A=1";
    why(&bench, "ENV A=1");
    assert_eq!(why(&bench, "ENV A=2"), "A changed: 1 → 2");
    assert_eq!(why(&bench, "ENV A=1 B=2"), "B is new: 2");
    assert_eq!(why(&bench, user), "the user changed: nothing → 1");
    bench.arguments = vec![("BUILDKIT_SANDBOX_HOSTNAME", "h")];
    assert_eq!(why(&bench, user), "the host name changed: buildkitsandbox → h");
    let limit = Limit { name: "nofile".to_owned(), soft: Some(1), hard: None };
    bench.run = RunOptions { limits: vec![limit], ..RunOptions::default() };
    assert_eq!(why(&bench, user), "the limit nofile is new: 1:unlimited");
}

#[test]
fn flags_of_a_command() {
    let bench = Bench::new();
    bench.file("src/a", "1");
    let why =
        |flags: &str| bench.build(&format!("FROM base\nRUN {flags} x\n")).why("RUN").to_owned();
    why("--network=default");
    assert_eq!(why("--network=none"), "the network changed: default → none");
    assert_eq!(why("--mount=type=tmpfs,target=/t"), "the mount at /t is new: type=tmpfs,rw");
    let bind = "--mount=type=bind,source=src,target=/s";
    assert_eq!(why(bind), "the mount at /s is new: type=bind,ro");
    bench.file("src/a", "2");
    assert_eq!(why(bind), "src/a changed");
    assert_eq!(
        why("--mount=type=bind,source=src,target=/s,rw"),
        "the mount at /s changed: ro → rw"
    );
}

/// Each mount has files of its own; one that names a file, the whole context or a stage names them as well.
#[test]
fn files_that_are_mounted() {
    let bench = Bench::new();
    let write = |path: &str, content: &str| bench.file(path, content);
    for path in ["one/a", "two/a", "two/b"] {
        write(path, "1");
    }
    let why = |mount: &str, noise: &str| {
        let dockerfile = format!(
            "FROM base AS tool\nRUN write tool {noise}\nFROM base\n\
             RUN --mount=type=bind,source=one,target=/one --mount=type=bind,{mount},target=/two x\n"
        );
        bench.build(&dockerfile).why("mount").to_owned()
    };
    why("source=two", "1");
    write("two/b", "2");
    assert_eq!(why("source=two", "1"), "two/b changed");
    write("two/c", "1");
    fs::remove_file(bench.context().join("two/a")).unwrap();
    assert_eq!(why("source=two", "1"), "two/a is gone, and 1 other file");
    write("two/b", "3");
    write("one/a", "2");
    assert_eq!(why("source=two", "1"), "one/a changed");
    assert_eq!(why("source=two/b", "1"), "what is mounted at /two changed: two → two/b");
    write("two/b", "4");
    assert_eq!(why("source=two/b", "1"), "two/b changed");
    assert_eq!(why("source=.", "1"), "what is mounted at /two changed: two/b → the context");
    write("two/b", "5");
    assert_eq!(why("source=.", "1"), "two/b changed");
    why("from=tool", "1");
    assert_eq!(why("from=tool", "2"), "/tool changed");
    assert_eq!(why("from=tool,source=/tool", "2"), "what is mounted at /two changed: / → /tool");
    assert_eq!(why("from=tool,source=/tool", "tool"), "/tool changed");
    // Of the directory itself, which is no file in it.
    why("source=two", "1");
    let mode = fs::Permissions::from_mode(0o700);
    fs::set_permissions(bench.context().join("two"), mode).unwrap();
    assert_eq!(why("source=two", "1"), "two changed, which is mounted at /two");
}

/// What lies below may change in many places, and that is one reason; a build with another flag is further
/// away, however much of what lay below was the same.
#[test]
fn what_lies_below_is_one_reason_for_all_behind_it() {
    let mut bench = Bench::new();
    let below = |version: u32| {
        format!(
            "FROM base AS b\nRUN write one {version}\nRUN write two {version}\nFROM b\n\
             RUN write f 1\nRUN write g 1\n"
        )
    };
    bench.run.shm_size = Some(4096);
    bench.build(&below(1)).built();
    bench.run.shm_size = None;
    bench.build(&below(2)).built();
    let back = bench.build(&below(1));
    for step in ["write f", "write g"] {
        assert_eq!(back.why(step), "the steps before it changed: [b 2/3] RUN write one 1");
    }
}

/// Of two that are as near, the one that was used last is what the user has in mind.
#[test]
fn of_two_earlier_builds_that_are_as_near_the_last_one_counts() {
    let bench = Bench::new();
    let why = |a: &str, b: &str| {
        let dockerfile = format!("FROM base\nENV A={a} B={b}\nRUN x\n");
        bench.build(&dockerfile).why("RUN").to_owned()
    };
    why("1", "1");
    why("2", "2");
    assert_eq!(why("1", "1"), "");
    assert_eq!(why("1", "2"), "B changed: 1 → 2");
    assert_eq!(why("2", "2"), "");
    assert_eq!(why("3", "2"), "A changed: 2 → 3");
}

/// However many builds lie between: what was found again is what the user has in mind.
#[test]
fn what_was_found_again_is_not_forgotten() {
    let bench = Bench::new();
    let copy = |content: &str, flags: &str| {
        bench.file("f", content);
        bench.build(&format!("FROM base\nCOPY {flags} f /f\n")).why("COPY").to_owned()
    };
    for content in ["1", "2", "3", "4", "5", "6", "7"] {
        assert_ne!(copy(content, ""), "");
    }
    assert_eq!(copy("1", ""), "");
    assert_eq!(copy("1", "--chown=7"), "the owner changed: nothing → 7");
    // The same of what was last in a place.
    let run =
        |text: &str| bench.build(&format!("FROM base\nRUN write f {text}\n")).why("RUN").to_owned();
    run("1");
    run("2");
    assert_eq!(run("1"), "");
    assert_eq!(run("3"), "the command changed: write f 1 → write f 3");
}

/// Of a copy from a stage and of a command with mounts the second key is found.
#[test]
fn what_was_found_again_by_another_key() {
    let bench = Bench::new();
    let build = |text: &str, flags: &str| {
        bench.file("src/a", text);
        let dockerfile = format!(
            "FROM base AS b\nCOPY src/a /out\nFROM base\n\
             RUN {flags} --mount=type=bind,source=src,target=/s x\nCOPY --from=b /out /o\n"
        );
        let outcomes = bench.build(&dockerfile);
        ["RUN", "--from"].map(|step| outcomes.why(step).to_owned())
    };
    for text in ["1", "2", "3"] {
        build(text, "");
    }
    assert_eq!(build("1", ""), ["", ""]);
    assert_eq!(build("4", ""), ["src/a changed", "/out changed"]);
    assert_eq!(build("1", ""), ["", ""]);
    let [run, _] = build("1", "--network=none");
    assert_eq!(run, "the network changed: default → none");
}

/// A copy of a project elsewhere says how it differs from what is known, as long as it says nothing itself.
#[test]
fn the_same_project_in_another_folder() {
    let mut bench = Bench::new();
    let why = |bench: &Bench, text: &str, base: &str| {
        bench.file("src/a", text);
        bench.file("src/b", "same");
        let dockerfile = format!("FROM {base}\nRUN write f 1\nCOPY src /src\n");
        bench.build(&dockerfile).why("COPY").to_owned()
    };
    assert_eq!(why(&bench, "1", "base"), "first build of this step");
    bench.project = "/elsewhere/clone\nDockerfile".to_owned();
    let beside = "first build of this step here; compared with /test: src/a changed";
    assert_eq!(why(&bench, "2", "base"), beside);
    // From now on it has a past of its own.
    assert_eq!(why(&bench, "3", "base"), "src/a changed");
    bench.project = "/third\nDockerfile".to_owned();
    assert_eq!(why(&bench, "1", "base"), "");
    assert_eq!(why(&bench, "4", "base"), "src/a changed", "what was found is its past");
    bench.project = "/third\nother.Dockerfile".to_owned();
    let told = why(&bench, "5", "base");
    assert_eq!(told, "first build of this step here; compared with Dockerfile: src/a changed");
    // What does something else before the step is another project.
    bench.project = "/fourth\nDockerfile".to_owned();
    let other = "FROM base\nRUN write g 1\nRUN write h 1\nCOPY src /src\n";
    assert_eq!(bench.build(other).why("COPY"), "first build of this step");
}

/// A step that is there twice, or for two platforms, is compared with earlier builds and not with its like.
#[test]
fn a_step_that_is_there_twice() {
    let mut bench = Bench::new();
    let build = |bench: &Bench, steps: &[&str]| {
        let lines: String = steps.iter().map(|step| format!("RUN {step}\n")).collect();
        let outcomes = bench.build(&format!("FROM base\n{lines}"));
        outcomes.reasons.into_iter().map(|(_, reason)| reason).collect::<Vec<_>>()
    };
    let first = "first build of this step";
    assert_eq!(build(&bench, &["write f 1", "write g 1", "write f 1", "x"]), [first; 4]);
    assert_eq!(
        build(&bench, &["write f 1", "write g 1", "x"]),
        ["a step before it is gone: [4/5] RUN write f 1"]
    );
    bench.platforms = vec!["linux/amd64", "linux/arm64"];
    assert_eq!(build(&bench, &["write f 2"]), [first; 2]);
}

/// Of a script what changed, with a little around it.
#[test]
fn a_long_command() {
    let bench = Bench::new();
    let why = |line: &str, packages: &str| {
        let lines: String = (1..200).map(|number| format!("echo {number}\n")).collect();
        let script = lines.replace("echo 57\n", line);
        let dockerfile = format!(
            "FROM base\nRUN <<E\n{script}E\nRUN install -y {packages}\nRUN <<F\n#!/x\n{script}F\n"
        );
        let outcomes = bench.build(&dockerfile);
        ["<<E", "install", "<<F"].map(|step| outcomes.why(step).to_owned())
    };
    let packages: String = (1..50).map(|number| format!("package-{number} ")).collect();
    why("echo 57\n", &packages);
    let [script, install, file] = why("echo 57 and more\n", &packages.replace("-40", "-40=1.2"));
    assert_eq!(script, "the command changed: echo 57 → echo 57 and more");
    assert_eq!(
        install,
        "the command changed: … package-39 package-40 package-41 package-42 … → \
         … package-39 package-40=1.2 package-41 package-42 …"
    );
    assert_eq!(file, "the file /dev/pipes/F changed: echo 57 → echo 57 and more");
}

#[test]
fn what_is_fetched() {
    let mut bench = Bench::new();
    let add = |url: &str| format!("FROM base\nADD {url} /d/\n");
    // Without an entity tag nobody knows whether it changed.
    let url = bench.serve(Reply::ok("1"), "/f");
    assert_eq!(bench.build(&add(&url)).why("fetch"), "fetched for the first time");
    let again = bench.build(&add(&url));
    let same = "its server does not say that it did not change; it is the same";
    assert_eq!([again.why("fetch"), again.why("ADD")], [same, ""]);
    bench.serve(Reply::ok("2"), "/f");
    let changed = bench.build(&add(&url));
    assert_eq!(changed.why("fetch"), "f changed: sha256:6b86b273ff34… → sha256:d4735e3a265e…");
    assert_eq!(changed.why("ADD"), "f changed");
    let elsewhere = bench.serve(Reply::ok("3"), "/elsewhere/f");
    let moved = bench.build(&add(&elsewhere));
    assert_eq!(
        bench.anonymous(moved.why("fetch")),
        "where it comes from changed: http://HOST/f → http://HOST/elsewhere/f"
    );
    prune(&bench);
    let why = bench.build(&add(&elsewhere)).why("fetch").to_owned();
    assert!(why.starts_with("evicted ") && why.ends_with(" ago"), "{why}");
}

/// Names come from anywhere; a reason stays on its line and moves no cursor.
#[test]
fn names_are_shown_harmlessly() {
    let bench = Bench::new();
    let why = || bench.build("FROM base\nCOPY src /src\n").why("COPY").to_owned();
    bench.file("src/a\nb\u{1b}[2J\u{202e}c", "1");
    why();
    bench.file("src/a\nb\u{1b}[2J\u{202e}c", "2");
    assert_eq!(why(), "src/a\\nb\\u{1b}[2J\\u{202e}c changed");
}

#[test]
fn a_directory_and_what_follows_it() {
    let bench = Bench::new();
    let build = |user: &str| bench.build(&format!("FROM base\nUSER {user}\nWORKDIR /w\nRUN x\n"));
    build("1").built();
    let outcomes = build("2");
    assert_eq!(outcomes.why("WORKDIR"), "the owner changed: 1 → 2");
    assert_eq!(outcomes.why("RUN x"), "the user changed: 1 → 2");
    let moved = bench.build("FROM base\nUSER 2\nWORKDIR /v\nRUN x\n");
    assert_eq!(moved.why("WORKDIR"), "the path changed: /w → /v");
}

/// The step that is new or gone is named, and none that only moved.
#[test]
fn a_step_that_is_new_or_gone() {
    let bench = Bench::new();
    let build = |steps: &[&str]| {
        let lines: String = steps.iter().map(|step| format!("RUN write {step}\n")).collect();
        bench.build(&format!("FROM base\n{lines}"))
    };
    build(&["f 1", "g 1", "h 1"]).built();
    let inserted = build(&["f 1", "e 1", "g 1", "h 1"]);
    assert_eq!(inserted.why("write e"), "first build of this step");
    assert_eq!(inserted.why("write g"), "a step before it is new: [3/5] RUN write e 1");
    assert_eq!(inserted.why("write h"), "a step before it is new: [3/5] RUN write e 1");
    let front = build(&["d 1", "f 1", "g 1", "h 1"]);
    assert_eq!(front.why("write h"), "a step before it is new: [2/5] RUN write d 1");
    let bench = Bench::new();
    let build = |steps: &[&str]| {
        let lines: String = steps.iter().map(|step| format!("RUN write {step}\n")).collect();
        bench.build(&format!("FROM base\n{lines}"))
    };
    build(&["f 1", "g 1", "h 1", "i 1"]).built();
    let removed = build(&["f 1", "h 1", "i 1"]);
    assert_eq!(removed.why("write h"), "a step before it is gone: [3/5] RUN write g 1");
    assert_eq!(removed.why("write i"), "a step before it is gone: [3/5] RUN write g 1");
    let swapped = build(&["f 1", "i 1", "h 1"]);
    assert_eq!(swapped.why("write h"), "a step before it is new: [3/4] RUN write i 1");
}

#[test]
fn another_base() {
    let mut bench = Bench::new();
    bench.images.0.insert("other:latest", Vec::new());
    bench.build("FROM base\nRUN write f 1\n").built();
    let cached = bench.build("FROM other\nRUN write f 1\n");
    assert_eq!(cached.why("write f"), "", "an image's name is in no key");
}

/// Removes all that nothing needs.
fn prune(bench: &Bench) {
    let wanted = |_: &lapstrake_cache::Holding| true;
    let wish = lapstrake_cache::Prune {
        goal: lapstrake_cache::Goal::Keep(0),
        unused_for: std::time::Duration::ZERO,
        all: true,
        wanted: &wanted,
        dry_run: false,
    };
    let needed = || Ok::<_, lapstrake_cache::Error>(lapstrake_cache::Needed::default());
    assert!(!bench.store.prune(&wish, &needed).unwrap().is_empty());
}

#[test]
fn a_result_that_was_evicted() {
    let bench = Bench::new();
    bench.file("f", "1");
    let dockerfile = "FROM base\nCOPY f /f\n";
    bench.build(dockerfile).built();
    prune(&bench);
    let why = bench.build(dockerfile).why("COPY").to_owned();
    assert!(why.starts_with("evicted ") && why.ends_with(" ago"), "{why}");
    prune(&bench);
    bench.file("f", "2");
    let why = bench.build(dockerfile).why("COPY").to_owned();
    assert!(why.starts_with("its earlier results were evicted "), "{why}");
    bench.file("f", "3");
    assert_eq!(bench.build(dockerfile).why("COPY"), "f changed");
}

#[test]
fn a_result_that_is_gone() {
    let bench = Bench::new();
    let dockerfile = "FROM base\nRUN write f 1\n";
    let built = bench.build(dockerfile).built().clone();
    let layer = bench.config(&built).rootfs.diff_ids[0];
    let here = bench.store.locate(&lapstrake_rootfs::LayerId::Image(layer)).unwrap().unwrap();
    assert!(bench.store.removal().unwrap().unwrap().layer(&here).unwrap());
    assert_eq!(bench.build(dockerfile).why("write f"), "its earlier result is not in the store");
}
