//! The same inputs give the same image, whoever builds it wherever; and what does not is found.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{Answer, Context, Store, registry_address, scratch, text, tool};

const NAMES: [&str; 5] = ["b", "a", "e", "c", "d"];

/// Owners, links, whiteouts, many files, a copy of a folder whose order the file system decides.
const DOCKERFILE: &str = "FROM busybox AS made\n\
     RUN mkdir /o && for n in 9 3 7 1 5; do echo $n > /o/$n; done && ln /o/9 /o/1st && chown 3:4 /o/7\n\
     FROM busybox\nLABEL z=1 a=2\nRUN rm /bin/vi && echo x > /x && mkdir -m 700 /m\n\
     COPY --from=made /o /o\nCOPY --chmod=640 files /files\nWORKDIR /w/v\n";

/// The context, its files made in this order with this mode.
fn write_context(folder: &Path, names: &[&str]) {
    fs::create_dir_all(folder.join("files")).expect("make the folder");
    for name in names {
        fs::write(folder.join("files").join(name), name).expect("write");
    }
    fs::write(folder.join("Dockerfile"), DOCKERFILE).expect("write");
}

/// The digest of the manifest as it is in a compressed archive.
fn digest(store: &Store, context: &Path, umask: &str, threads: &str) -> String {
    let archive = text(&store.beside("image.tar"));
    let output = format!("type=oci,compression=gzip,rewrite-timestamp=true,dest={archive}");
    let lap = store.lap(&[]);
    let mut command = Command::new("sh");
    command.args(["-c", "umask $1; shift; exec \"$@\"", "sh", umask]).arg(lap.get_program());
    command.args(["build", "--progress", "plain", "-o", &output, &text(context)]);
    for (name, value) in lap.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command.env("RAYON_NUM_THREADS", threads).env("SOURCE_DATE_EPOCH", "1700000000");
    Answer::of(&mut command).ends_with(0);
    let index: Value =
        serde_json::from_str(&tool("tar", &["-xOf", &archive, "index.json"])).expect("JSON");
    index["manifests"][0]["digest"].as_str().expect("a digest").to_owned()
}

#[test]
fn stores_umasks_threads_orders_and_file_systems_do_not_count() {
    let (first, second) = (scratch(), scratch());
    write_context(first.path(), &NAMES);
    let mut names = NAMES;
    names.sort_unstable_by(|one, two| two.cmp(one));
    write_context(second.path(), &names);
    // Another file system lists its files in another order.
    let memory = tempfile::tempdir_in("/dev/shm").expect("a folder in memory");
    write_context(memory.path(), &names);
    let expected = digest(&Store::new(), first.path(), "022", "2");
    for (context, umask, threads) in
        [(first.path(), "077", "1"), (second.path(), "000", "5"), (memory.path(), "027", "3")]
    {
        assert_eq!(digest(&Store::new(), context, umask, threads), expected, "{umask} {threads}");
    }
}

fn verified(store: &Store, context: &Context, flags: &[&str]) -> Answer {
    let context = text(context.path());
    let fixed = ["build", "--progress", "plain", "--verify-reproducible"];
    store.answer(&[&fixed[..], flags, &[context.as_str()]].concat())
}

const TIMES: [&str; 4] =
    ["--build-arg", "SOURCE_DATE_EPOCH=1700000000", "-o", "type=image,rewrite-timestamp=true"];

#[test]
fn what_differs_is_named() {
    let store = Store::new();
    let uuid = "cat /proc/sys/kernel/random/uuid";
    let context = Context::new(&format!(
        "FROM busybox\nRUN {uuid} > /id && echo same > /same && mkdir /d && {uuid} > /d/x\n\
         RUN touch \"/$({uuid})\"\n"
    ));
    let answer = verified(&store, &context, &TIMES).ends_with(1).says(&["differ"]);
    let lines: Vec<&str> = answer.stdout.lines().collect();
    assert!(lines[0].starts_with("/d/x: content (RUN "), "{lines:?}");
    assert!(lines[1].starts_with("/id: content (RUN "), "{lines:?}");
    assert!(lines[2..].iter().all(|line| line.contains(": only in one (RUN ")), "{lines:?}");
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert_eq!(store.ok(&["images", "-q", "--no-trunc"]).lines().count(), 1, "only the base");
}

#[test]
fn what_does_not_differ_is_said() {
    let store = Store::new();
    let folder = Context::new(DOCKERFILE);
    write_context(folder.path(), &NAMES);
    let answer = verified(&store, &folder, &TIMES).ends_with(0);
    assert!(answer.stdout.starts_with("sha256:"), "{}", answer.stdout);
    // Without a time that is given, times are what differs.
    let slow = Context::new("FROM busybox\nRUN sleep 1.1 && echo x > /x\n");
    let answer = verified(&store, &slow, &[]).ends_with(1).says(&["SOURCE_DATE_EPOCH"]);
    assert!(answer.stdout.contains("\n/x: time (RUN "), "{}", answer.stdout);
}

#[test]
fn what_cannot_be_verified() {
    let store = Store::new();
    let context = Context::new("FROM scratch\nCOPY Dockerfile /\n");
    let name = format!("{}/verified/app:1", registry_address());
    verified(&store, &context, &["--push", "-t", &name]).ends_with(1).says(&["keeps nothing"]);
    verified(&store, &context, &["-f", "-"]).ends_with(1).says(&["standard input"]);
}
