//! `lap cache mounts`: what RUN --mount=type=cache keeps, listed and removed.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::rootless::{RANGES, User};
use crate::support::{Answer, Background, Context, Store, prepared, text, tool, wait_for};

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
    let context = Context::new(HOLDS);
    let (build, go) = holder(&store, &context);
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

/// Fills a mount with all that an archive has to carry.
const FILLS: &str = "FROM busybox\nRUN --mount=type=cache,id=m,target=/c,sharing=locked \
     mkdir -p /c/bin && echo tool > /c/bin/tool && chown 7:8 /c/bin/tool && chmod 4750 /c/bin/tool && \
     ln /c/bin/tool /c/hard && ln -s bin/tool /c/soft && ln -s /etc/passwd /c/away && \
     mkdir -m 1777 /c/tmp && mkfifo -m 600 /c/pipe && touch -d '2001-02-03 04:05:06' /c/bin/tool && \
     head -c 3000000 /dev/urandom > /c/random && chown 9:9 /c && chmod 700 /c\n";

#[test]
fn a_mount_moves_to_another_store() {
    let (from, to) = (Store::new(), Store::new());
    from.build("x", Context::new(FILLS).path());
    let set = "import os, sys; os.setxattr(sys.argv[1], 'user.lap', b'kept')";
    let data = |store: &Store| {
        let id = mount(store, "m")["ID"].as_str().expect("an id").to_owned();
        store.root().join("cache").join(id).join("data")
    };
    tool("python3", &["-c", set, &text(&data(&from).join("random"))]);
    let facts = |store: &Store| {
        // A listing by find: type, mode, owner, links, size, seconds, name, target.
        let format = "%y %m %U:%G %n %s %Ts %P -> %l\n";
        let folder = text(&data(store));
        let find = tool("find", &[&folder, "-not", "-type", "d", "-printf", format]);
        let folders = tool("find", &[&folder, "-type", "d", "-printf", "%m %U:%G %Ts %P\n"]);
        let mut lines: Vec<String> = (find + &folders).lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let sums = |store: &Store| {
        let script = format!("cd '{}' && sha256sum bin/tool hard random", text(&data(store)));
        tool("sh", &["-c", &script])
    };
    for (name, magic) in
        [("m.tar", &b"./"[..]), ("m.tar.zst", b"\x28\xb5\x2f\xfd"), ("m.tgz", b"\x1f\x8b")]
    {
        let file = text(&from.beside(name));
        from.ok(&["cache", "mounts", "export", "m", "-o", &file]);
        assert!(fs::read(&file).expect("the archive").starts_with(magic), "{name}");
        let listed = tool("tar", &["-tf", &file]);
        assert!(listed.starts_with("./\n") && listed.contains("bin/tool\n"), "{listed}");
        let told = to.ok(&["cache", "mounts", "import", "m", "-i", &file]);
        assert_eq!(told, "m holds 6 files of 3MB");
        assert_eq!(facts(&to), facts(&from), "{name}");
        assert_eq!(sums(&to), sums(&from), "{name}");
    }
    let read = "import os, sys; print(os.getxattr(sys.argv[1], 'user.lap').decode())";
    assert_eq!(tool("python3", &["-c", read, &text(&data(&to).join("random"))]), "kept\n");
    let tested = "test \"$(cat soft)\" = tool && test -p pipe && test \"$(stat -c %u:%g:%a:%h hard)\" = 7:8:4750:2";
    let sees = format!("FROM busybox\nRUN --mount=type=cache,id=m,target=/c cd /c && {tested}\n");
    to.build("y", Context::new(&sees).path());
    assert_eq!(mount(&to, "m")["Step"].as_str().map(|step| &step[..5]), Some("[2/2]"));

    // Through a pipe, and with what is there already.
    let piped = "LAPSTRAKE_ROOT=$2 $1 cache mounts export m --compression zstd | \
                 LAPSTRAKE_ROOT=$3 $1 cache mounts import other";
    let lap = env!("CARGO_BIN_EXE_lap");
    tool("sh", &["-euc", piped, "sh", lap, &text(&from.root()), &text(&to.root())]);
    assert_eq!(mount(&to, "other")["Files"], mount(&from, "m")["Files"]);
    assert_eq!(fs::read_dir(to.root().join("tmp")).expect("tmp").count(), 0);
}

/// Owners are those that a step sees, whoever owns the store.
#[test]
fn a_mount_moves_between_an_ordinary_user_and_root() {
    let (user, root) = (User::new(RANGES), Store::new());
    let answer = user.lap_behind(&[], &["build", "-t", "x", &user.context(FILLS)]);
    answer.ends_with(0);
    let archive = text(&user.path("home").join("m.tar.gz"));
    user.lap_behind(&[], &["cache", "mounts", "export", "m", "-o", &archive]).ends_with(0);
    let listed = tool("tar", &["--numeric-owner", "-tvf", &archive]);
    let has = |line: &str| listed.lines().any(|listed| listed.starts_with(line));
    assert!(has("drwx------ 9/9 ") && has("-rwsr-x--- 7/8 "), "{listed}");
    root.ok(&["cache", "mounts", "import", "m", "-i", &archive]);
    let tested = "test \"$(stat -c %u:%g:%a:%h /c/hard)\" = 7:8:4750:2";
    let sees =
        Context::new(&format!("FROM busybox\nRUN --mount=type=cache,id=m,target=/c {tested}\n"));
    root.build("y", sees.path());
    let back = user.lap_behind(&[], &["cache", "mounts", "import", "n", "--merge", "-i", &archive]);
    back.ends_with(0).says(&["n holds 6 files of 3MB"]);
    let sees =
        user.context(&format!("FROM busybox\nRUN --mount=type=cache,id=n,target=/c {tested}\n"));
    user.lap_behind(&[], &["build", "-t", "y", &sees]).ends_with(0);
}

#[test]
fn an_import_replaces_or_merges_at_once() {
    let store = Store::new();
    let fill = "mkdir -p /c/old/sub /c/both; echo 1 > /c/old/sub/a; echo old > /c/both/b; echo old > /c/file";
    let filled = format!("FROM busybox\nRUN --mount=type=cache,id=m,target=/c {fill}\n");
    store.build("x", Context::new(&filled).path());
    let sees = |what: &str| {
        let script =
            "cd /c; echo \"it holds $(find . -type f | sort | xargs head -c 9 | tr '\\n' ' ')\"";
        let looks = format!("FROM busybox\nRUN --mount=type=cache,id=m,target=/c {script}\n");
        let answer = store.build_with("y", Context::new(&looks).path(), &["--no-cache"]);
        assert!(answer.stderr.contains(&format!("it holds {what}")), "{}", answer.stderr);
    };
    let folder = store.beside("new");
    fs::create_dir_all(folder.join("both")).expect("make folders");
    for (path, text) in [("both/b", "new"), ("both/c", "new"), ("file", "new")] {
        fs::write(folder.join(path), text).expect("write");
    }
    let archive = text(&store.beside("new.tar"));
    tool("tar", &["-C", &text(&folder), "-cf", &archive, "."]);

    store.ok(&["cache", "mounts", "import", "m", "--merge", "-i", &archive]);
    sees("==> ./both/b <== new ==> ./both/c <== new ==> ./file <== new ==> ./old/sub/a <== 1");

    // A reader that is killed in the middle has changed nothing.
    for flags in [&["--merge"][..], &[]] {
        let mut command = store.lap(&[&["cache", "mounts", "import", "m"], flags].concat());
        command.stdin(std::process::Stdio::piped());
        let mut import = Background::of(command);
        let half = fs::read(&archive).expect("the archive");
        let mut input = import.input();
        std::io::Write::write_all(&mut input, &half[..2048]).expect("a part");
        wait_for("the import to begin", || {
            let folder = fs::read_dir(store.root().join("tmp")).ok()?.next()?.ok()?.path();
            folder.join("data").exists().then_some(())
        });
        import.signal(nix::sys::signal::Signal::SIGKILL);
        drop((input, import));
        sees("==> ./both/b <== new ==> ./both/c <== new ==> ./file <== new ==> ./old/sub/a <== 1");
    }
    store.ok(&["cache", "mounts", "import", "m", "-i", &archive]);
    sees("==> ./both/b <== new ==> ./both/c <== new ==> ./file <== new");
    assert_eq!(fs::read_dir(store.root().join("tmp")).expect("tmp").count(), 0);
}

#[test]
fn export_and_import_wait_for_a_running_build() {
    let store = Store::new();
    let context = Context::new(HOLDS);
    let (build, go) = holder(&store, &context);
    let archive = text(&store.beside("held.tar"));
    let waiting = "waiting for a running build that uses held";
    let mut export = store.background(&["cache", "mounts", "export", "held", "-o", &archive]);
    export.hears(waiting);
    assert!(!store.beside("held.tar").exists());
    fs::write(&go, "").expect("let it go on");
    build.answer().ends_with(0);
    export.answer().ends_with(0);
    assert_eq!(tool("tar", &["-tf", &archive]), "begun\n");

    fs::remove_file(go.with_file_name("begun")).expect("forget that it began");
    let other = Context::new(&HOLDS.replace("cat", "ls"));
    let (build, go) = holder(&store, &other);
    let mut import = store.background(&["cache", "mounts", "import", "held", "-i", &archive]);
    import.hears(waiting);
    fs::write(go, "").expect("let it go on");
    build.answer().ends_with(0);
    import.answer().ends_with(0).says(&["held holds 1 file of 0B"]);
}

#[test]
fn mounts_that_are_not_there() {
    let store = Store::new();
    let answer = store.answer(&["cache", "mounts", "export", "m", "-o", "/dev/null"]).ends_with(1);
    answer.says(&["there is no cache mount m", "lap cache mounts ls"]);
    let missing = text(&store.beside("missing.tar"));
    let answer = store.answer(&["cache", "mounts", "import", "m", "-i", &missing]).ends_with(1);
    answer.says(&["cannot open", "missing.tar"]);
    assert_eq!(names(&store), [""; 0]);
}

/// The job in docs/cache.md, as it stands there, on a new store each time.
#[test]
fn the_job_in_the_docs_works() {
    let docs = include_str!("../../../docs/cache.md");
    let section = docs.split("A CI job that keeps").nth(1).expect("the section");
    let script = section.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next());
    let script = script.expect("a script");
    let step = "RUN --mount=type=cache,id=cargo,target=/c \
                test -e /c/x || cat /proc/sys/kernel/random/uuid > /c/x; cp /c/x /x\n";
    let context = Context::new(&format!("FROM busybox\n{step}")).file(".dockerignore", "*.zst\n");
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_lap"));
    let folder = text(program.parent().expect("a folder"));
    let path = format!("{folder}:{}", std::env::var("PATH").expect("a path"));
    let job = || {
        let store = Store::new();
        let mut shell = std::process::Command::new("sh");
        shell.args(["-ec", script]).current_dir(context.path());
        shell.env("PATH", &path).env("LAPSTRAKE_ROOT", store.root());
        shell.env("LAPSTRAKE_CONFIG", prepared("LAPSTRAKE_CONFIG"));
        Answer::of(&mut shell).ends_with(0);
        store.prints("app", &["cat", "/x"])
    };
    assert_eq!(job(), job(), "the second machine has what the first one kept");
}
