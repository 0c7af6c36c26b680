//! Why a step runs again, as `--explain` says it.

use std::fs;
use std::path::Path;

use crate::support::{Context, Store, scratch, text};

/// The lines of `--explain` of what was executed, with the reason behind each step.
fn told(store: &Store, context: &Context, dockerfile: &str, flags: &[&str]) -> String {
    context.write("Dockerfile", dockerfile);
    let answer = store.build_with("x", context.path(), &[&["--explain"], flags].concat());
    let lines: Vec<&str> = answer.stderr.lines().collect();
    let executed = lines.windows(2).filter(|pair| pair[0].ends_with(" executed"));
    executed
        .map(|pair| format!("{}: {}\n", pair[0].trim_end_matches(" executed"), pair[1].trim()))
        .collect()
}

/// However many other builds lie between.
#[test]
fn what_was_found_again_is_what_is_compared_with() {
    let (store, context) = (Store::new(), Context::new(""));
    let copy = "FROM busybox\nCOPY f /f\n";
    for content in ["1", "2", "3", "4", "5"] {
        context.write("f", content);
        assert_ne!(told(&store, &context, copy, &[]), "");
    }
    context.write("f", "1");
    assert_eq!(told(&store, &context, copy, &[]), "");
    assert_eq!(
        told(&store, &context, "FROM busybox\nCOPY --chown=7 f /f\n", &[]),
        "[2/2] COPY --chown=7 f /f: the owner changed: nothing → 7\n"
    );
}

#[test]
fn what_changed_is_named_and_nothing_beside_it() {
    let (store, context) = (Store::new(), Context::new("").file("f", "1").file("src/a", "1"));
    let run = |flags: &str| format!("FROM busybox\nENV A=1\nENV B=2\nRUN {flags} true\n");
    let why = |dockerfile: &str, flags: &[&str]| {
        let told = told(&store, &context, dockerfile, flags);
        told.split_once("]").map_or(told.clone(), |(_, step)| {
            step.split_once(": ").map_or("", |(_, reason)| reason).trim_end().to_owned()
        })
    };
    why(&run(""), &[]);
    let swapped = run("").replace("ENV A=1\nENV B=2", "ENV B=2\nENV A=1");
    assert_eq!(why(&swapped, &[]), "the order of B and A changed");
    assert_eq!(why(&run(""), &["--shm-size", "64m"]), "--shm-size is new: 64m");
    assert_eq!(why(&run(""), &["--shm-size", "1g"]), "--shm-size changed: 64m → 1g");
    let limits = ["--ulimit", "nofile=100", "--ulimit", "core=1"];
    assert_ne!(why(&run(""), &limits), "");
    assert_eq!(why(&run(""), &[&limits[2..], &limits[..2]].concat()), "", "their order");
    let mount = |options: &str| why(&run(&format!("--mount=target=/t,{options}")), &[]);
    assert_eq!(mount("type=cache"), "the mount at /t is new: type=cache,mode=0755,uid=0,gid=0,rw");
    assert_eq!(mount("type=cache,uid=5"), "the mount at /t changed: uid=0 → uid=5");
    assert_eq!(mount("type=cache,uid=5,ro"), "the mount at /t changed: rw → ro");
    assert_eq!(mount("type=tmpfs,size=1m"), "the mount at /t changed: type=cache → type=tmpfs");
    assert_eq!(mount("type=tmpfs,size=2m"), "the mount at /t changed: size=1m → size=2m");
    let script = |line: &str| {
        let lines: String = (0..200).map(|number| format!("echo {number}\n")).collect();
        format!("FROM busybox\nRUN <<E\n{}E\n", lines.replace("echo 57\n", line))
    };
    why(&script("echo 57\n"), &[]);
    assert_eq!(why(&script("echo other\n"), &[]), "the command changed: echo 57 → echo other");
    why("FROM busybox\nCOPY f /f\n", &[]);
    assert_eq!(why("FROM busybox\nCOPY --link f /f\n", &[]), "--link is new");
    for name in ["b", "c", "d"] {
        fs::hard_link(context.path().join("src/a"), context.path().join("src").join(name))
            .expect("link a file");
    }
    why("FROM busybox\nCOPY src /src\n", &[]);
    context.write("src/0", "new");
    assert_eq!(why("FROM busybox\nCOPY src /src\n", &[]), "src/0 is new");
}

#[test]
fn a_step_that_is_new_or_gone_is_named() {
    let (store, context) = (Store::new(), Context::new(""));
    let steps = |names: &[&str]| {
        let lines: String = names.iter().map(|name| format!("RUN echo > /{name}\n")).collect();
        told(&store, &context, &format!("FROM busybox\n{lines}"), &[])
    };
    steps(&["a", "b", "c", "d"]);
    let gone = "a step before it is gone: [3/5] RUN echo > /b";
    assert_eq!(
        steps(&["a", "c", "d"]),
        format!("[3/4] RUN echo > /c: {gone}\n[4/4] RUN echo > /d: {gone}\n")
    );
    let new = "a step before it is new: [3/5] RUN echo > /e";
    assert_eq!(
        steps(&["a", "e", "c", "d"]),
        format!(
            "[3/5] RUN echo > /e: first build of this step\n[4/5] RUN echo > /c: {new}\n[5/5] RUN echo > /d: {new}\n"
        )
    );
}

/// A clone is compared with what it is a clone of, until it has a past of its own. A folder is one project, however
/// it is named.
#[test]
fn a_copy_of_the_project_elsewhere() {
    let store = Store::new();
    let dockerfile = "FROM busybox\nRUN echo > /a\nCOPY f /f\n";
    let (one, other) = (Context::new("").file("f", "1"), Context::new("").file("f", "2"));
    told(&store, &one, dockerfile, &[]);
    let folder = fs::canonicalize(one.path()).expect("a folder");
    assert_eq!(
        told(&store, &other, dockerfile, &[]),
        format!(
            "[3/3] COPY f /f: first build of this step here; compared with {}: f changed\n",
            folder.display()
        )
    );
    other.write("f", "3");
    assert_eq!(told(&store, &other, dockerfile, &[]), "[3/3] COPY f /f: f changed\n");
    other.write("f", "4");
    let inside = store
        .lap(&["build", "--progress", "quiet", "--explain", "."])
        .current_dir(other.path())
        .output();
    let told = String::from_utf8(inside.expect("run lap").stderr).expect("text");
    assert!(told.contains("COPY f /f executed\n    f changed\n"), "{told}");
}

fn to(folder: &Path) -> String {
    format!("type=local,dest={},mode=max", text(folder))
}

fn from(folder: &Path) -> String {
    format!("type=local,src={}", text(folder))
}

/// Writes a cache by a build that finds everything.
fn hand_on(store: &Store, context: &Context, flag: &str) {
    let build = store.build_with("app", context.path(), &["--cache-to", flag, "--explain"]);
    assert!(!build.stderr.contains(" executed\n"), "{}", build.stderr);
}

/// A build that executes nothing tells of its steps all the same, however long ago they were executed.
#[test]
fn a_cached_build_tells_what_its_keys_were_made_of() {
    let store = Store::new();
    let context = Context::new(
        "FROM busybox AS b\nCOPY src /src\nRUN --mount=type=bind,source=src,target=/s cat /s/app.py > /out\n\
         FROM busybox\nWORKDIR /w\nCOPY --from=b /out /out\n",
    );
    for content in ["1", "2", "3", "4", "5", "6", "1"] {
        context.write("src/app.py", content);
        store.build("app", context.path());
    }
    let folder = scratch();
    let flag = to(folder.path());
    hand_on(&store, &context, &flag);
    context.write("src/app.py", "7");
    let from = from(folder.path());
    let told =
        Store::new().build_with("app", context.path(), &["--cache-from", &from, "--explain"]);
    told.says(&[
        "COPY src /src executed\n    src/app.py changed\n",
        "cat /s/app.py > /out executed\n    src changed, which is mounted at /s\n",
        "WORKDIR /w cached\n",
        "COPY --from=b /out /out executed\n    /out changed\n",
    ]);
}

/// What came from a cache tells of itself when the cache is not asked any more, and is handed on so.
#[test]
fn what_came_from_a_cache_has_its_past() {
    let context = Context::new(
        "FROM busybox AS b\nRUN echo 1 > /one && echo 2 > /two\nFROM busybox\nCOPY src /src\n\
         COPY --from=b /one /one\n",
    );
    context.write("src/app.py", "1");
    let (folder, next) = (scratch(), scratch());
    let flag = to(folder.path());
    Store::new().build_with("app", context.path(), &["--cache-to", &flag]);
    let store = Store::new();
    let from_first = from(folder.path());
    let cached = store.build_with("app", context.path(), &["--cache-from", &from_first]);
    assert!(!cached.stderr.contains("build of this step"));
    context.write("src/app.py", "2");
    store.build_with("app", context.path(), &["--explain"]).says(&[
        "COPY src /src executed\n    src/app.py changed\n",
        "RUN echo 1 > /one && echo 2 > /two executed\n    its earlier result is not in the store\n",
    ]);
    context.write("src/app.py", "1");
    let flag = to(next.path());
    hand_on(&store, &context, &flag);
    context.write("src/app.py", "3");
    let from_next = from(next.path());
    let told = Store::new().build_with("app", context.path(), &["--cache-from", &from_next]);
    told.says(&["src/app.py changed\n"]);
}
