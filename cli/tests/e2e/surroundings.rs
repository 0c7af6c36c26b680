//! Odd surroundings that containers, services and scripts make.

use std::fs;
use std::process::Command;

use crate::rootless::{RANGES, User};
use crate::support::{Answer, Context, Store, text, tool};

/// As in a container without a volume for the store.
#[test]
fn a_store_on_overlayfs_is_refused_by_name() {
    let store = Store::new();
    let folder = store.beside("overlay");
    let context = Context::new("FROM busybox\nRUN true\n");
    let mount = "for d in l u w m; do mkdir -p \"$0/$d\"; done; cd \"$0\"
        mount -t overlay overlay -o lowerdir=l,upperdir=u,workdir=w m; exec \"$@\"";
    let run = ["run", "--rm", "busybox", "true"];
    let build = ["build", &text(context.path())];
    for (words, code) in [(&run[..], 125), (&build[..], 1)] {
        let root = text(&folder.join("m/store"));
        let inner = store.lap(&[&["--root", &root], words].concat());
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-euc", mount]).arg(&folder).arg(inner.get_program());
        command.args(inner.get_args());
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let said = ["another overlayfs", "--root or LAPSTRAKE_ROOT", "on a volume"];
        Answer::of(&mut command).ends_with(code).says(&said);
    }
}

#[test]
fn without_home_the_users_is_that_of_the_machine() {
    let user = User::new(RANGES);
    for home in [&["env", "-u", "HOME"][..], &["env", "HOME="]] {
        user.lap_behind(home, &["pull", "-q", "busybox"]).ends_with(0);
        assert!(user.path("home/.local/share/lapstrake/store.db").exists(), "{home:?}");
        fs::remove_dir_all(user.path("home/.local")).expect("remove the store");
    }
}

/// As of a user who builds in the home folder.
#[test]
fn the_store_is_no_part_of_a_context() {
    let user = User::new(RANGES);
    let home = text(&user.path("home"));
    user.ok(&["pull", "-q", "busybox"]);
    for (file, content) in [("Dockerfile", "FROM busybox\nCOPY . /x\n"), ("f", "here\n")] {
        fs::write(user.path("home").join(file), content).expect("write");
    }
    user.ok(&["build", "-q", "-t", "x", &home]);
    let seen = user.ok(&["run", "--rm", "x", "find", "/x"]);
    let mut seen: Vec<&str> = seen.lines().collect();
    seen.sort_unstable();
    let expected = ["/x", "/x/.local", "/x/.local/share", "/x/Dockerfile", "/x/f"];
    assert_eq!(seen, expected);
    let again = user.lap_behind(&[], &["build", "--progress", "plain", &home]).ends_with(0);
    again.says(&["COPY . /x\n#2 CACHED"]);
    // Nothing brings it back.
    fs::write(user.path("home/.dockerignore"), "!.local/share/lapstrake\n").expect("write");
    let dockerfile = "FROM busybox\nCOPY .local/share/lapstrake/store.db /\n";
    fs::write(user.path("home/Dockerfile"), dockerfile).expect("write");
    let answer = user.lap_behind(&[], &["build", &home]).ends_with(1);
    answer.says(&["the store of lap, which is no part of a context", "Dockerfile:2"]);
}

/// The kernel takes a quarter of the limit of the stack, mostly 2 MiB.
#[test]
fn an_environment_that_is_too_large_is_said_to_be_that() {
    let store = Store::new();
    let part = "x".repeat(50_000);
    let lines: String = (0..50).map(|number| format!("ENV A{number}={part}\n")).collect();
    let context = Context::new(&format!("FROM busybox\n{lines}RUN true\n"));
    let answer = store.try_build("x", context.path(), &[]).ends_with(1);
    let answer = answer.says(&[
        "Argument list too long",
        "Dockerfile:52",
        "the environment (ENV and ARG",
        "128 KiB",
    ]);
    assert!(!answer.stderr.contains("chmod"), "{}", answer.stderr);
}

/// As some tools write it into the config of a base image; Docker passes it over.
#[test]
fn a_variable_without_a_name_is_none() {
    let store = Store::new();
    store.build("plain", Context::new("FROM busybox\nENV A=1\n").path());
    let layout = store.layout("plain");
    let blobs = layout.join("blobs/sha256");
    let read = |path: &std::path::Path| -> serde_json::Value {
        serde_json::from_slice(&fs::read(path).expect("read")).expect("JSON")
    };
    let put = |value: &serde_json::Value| {
        let (bytes, new) = (value.to_string(), blobs.join("new"));
        fs::write(&new, &bytes).expect("write");
        let sum = tool("sha256sum", &[&text(&new)]);
        let digest = sum.split(' ').next().expect("a digest");
        fs::rename(&new, blobs.join(digest)).expect("rename");
        (format!("sha256:{digest}"), bytes.len())
    };
    let mut index = read(&layout.join("index.json"));
    let named = |value: &serde_json::Value| {
        blobs.join(value["digest"].as_str().expect("a digest").trim_start_matches("sha256:"))
    };
    let mut manifest = read(&named(&index["manifests"][0]));
    let mut config = read(&named(&manifest["config"]));
    config["config"]["Env"] = serde_json::json!(["", "=odd", "A=1"]);
    let (digest, size) = put(&config);
    manifest["config"]["digest"] = digest.into();
    manifest["config"]["size"] = size.into();
    let (digest, size) = put(&manifest);
    index["manifests"][0]["digest"] = digest.into();
    index["manifests"][0]["size"] = size.into();
    fs::write(layout.join("index.json"), index.to_string()).expect("write");
    let base = format!("base=oci-layout://{}", text(&layout));
    let context = Context::new("FROM base\nRUN env | sort > /env\n");
    store.build_with("odd", context.path(), &["--build-context", &base]);
    let seen = store.prints("odd", &["cat", "/env"]);
    assert!(seen.lines().any(|line| line == "A=1") && !seen.contains("odd"), "{seen}");
}
