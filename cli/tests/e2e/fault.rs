//! Bad input: what is wrong, where, and what to do; and nothing half-made stays behind.

use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{
    Answer, Context, Store, processes_with, scratch, text, tool, unusual_sleep, wait_for,
};

fn fault(dockerfile: &str) -> Answer {
    let store = Store::new();
    let answer = store.try_build("faulty", Context::new(dockerfile).path(), &[]).ends_with(1);
    assert!(!store.ok(&["images"]).contains("faulty"), "a failed build has made an image");
    answer
}

#[test]
fn a_fault_in_the_dockerfile_is_shown_where_it_is() {
    let answer =
        fault("FROM busybox\nRUM echo hello\n").says(&["Dockerfile:2:1", "RUM echo hello", "RUN"]);
    assert!(answer.stderr.contains("RUM"), "the fault belongs to stderr");
    assert_eq!(answer.stdout, "");
}

#[test]
fn the_span_is_exact() {
    fault("FROM busybox\nCOPY --chmud=644 a b\n").says(&["Dockerfile:2:6", "--chmud", "--chmod"]);
    fault("FROM busybox\n\n  ENV A=1 \\\n    B=\"open\n").says(&["Dockerfile:4:"]);
    fault("FROM busybox\nEXPOSE 80/http\n").says(&["Dockerfile:2:8", "80/http"]);
}

#[test]
fn independent_faults_are_shown_at_once() {
    fault("FROM busybox\nRUM one\nRUN true\nCOPI two three\nEXPOSE 99999999\n").says(&[
        "Dockerfile:2:1",
        "Dockerfile:4:1",
        "Dockerfile:5:",
    ]);
}

#[test]
fn a_failing_step_is_shown_with_its_lines_log_and_status() {
    let answer = fault(
        "FROM busybox\nRUN echo fine\nRUN echo the last words && \\\n    sh -c 'exit 42'\nRUN echo never\n",
    );
    let answer = answer.says(&["Dockerfile:3", "the last words", "42", "sh -c 'exit 42'"]);
    let ran =
        |line: &str| line.starts_with('#') && line.ends_with(" never") && !line.contains("RUN");
    assert!(!answer.stderr.lines().any(ran), "a step after the failed one ran: {}", answer.stderr);
}

#[test]
fn a_long_log_is_cut_to_its_end() {
    let answer = fault("FROM busybox\nRUN for i in $(seq 1 500); do echo line $i; done; exit 3\n")
        .says(&["line 500"]);
    let last = answer.stderr.rfind("line 500").expect("the last line");
    let shown_again = &answer.stderr[..last];
    assert!(shown_again.matches("line 499").count() >= 1, "{}", answer.stderr);
}

#[test]
fn a_program_that_is_not_there_is_named() {
    fault("FROM busybox\nRUN [\"/no/such/program\"]\n").says(&["Dockerfile:2", "/no/such/program"]);
    fault("FROM busybox\nRUN no-such-command\n").says(&["Dockerfile:2", "no-such-command", "127"]);
}

/// Who sent it is not known: only a limit that the command came up against is (see `limit.rs`).
#[test]
fn of_a_killed_command_no_reason_is_made_up() {
    let seconds = unusual_sleep();
    let store = Store::new();
    let context = Context::new(&format!("FROM busybox\nRUN [\"sleep\", \"{seconds}\"]\n"));
    let path = context.path().to_str().expect("a path");
    let build = store.background(&["build", "--progress", "plain", path]);
    let process = wait_for("the command", || processes_with(&seconds).first().copied());
    kill(Pid::from_raw(process), Signal::SIGKILL).expect("kill the command");
    let answer = build.answer().ends_with(1);
    let answer =
        answer.says(&["killed by signal 9", "sent by somebody, or by the kernel", "dmesg"]);
    assert!(!answer.stderr.contains("it ran out of memory"), "{}", answer.stderr);

    let shell = fault("FROM busybox\nRUN sh -c 'kill -9 $$'; exit $?\n");
    shell.says(&["exit status 137", "killed by signal 9: by somebody, or by the kernel"]);
}

#[test]
fn a_step_before_the_failed_one_stays_cached() {
    let store = Store::new();
    let context =
        Context::new("FROM busybox\nRUN cat /proc/sys/kernel/random/uuid | tee /id\nRUN exit 1\n");
    let first = store.try_build("half", context.path(), &[]).ends_with(1).stderr;
    let lines: Vec<&str> =
        first.lines().filter_map(|line| line.split_whitespace().last()).collect();
    context.write(
        "Dockerfile",
        "FROM busybox\nRUN cat /proc/sys/kernel/random/uuid | tee /id\nRUN exit 0\n",
    );
    store.build("half", context.path());
    let id = store.prints("half", &["cat", "/id"]);
    assert!(lines.contains(&id.as_str()), "the step ran twice: {id} is not in {first}");
}

#[test]
fn what_cannot_be_copied_is_named() {
    let context =
        Context::new("FROM busybox\nCOPY there.txt not-there.txt /d/\n").file("there.txt", "x\n");
    Store::new()
        .try_build("copied", context.path(), &[])
        .ends_with(1)
        .says(&["Dockerfile:2:16", "not-there.txt"]);
    let ignored = context.file(".dockerignore", "*.txt\n");
    Store::new()
        .try_build("copied", ignored.path(), &[])
        .ends_with(1)
        .says(&["Dockerfile:2:6", "there.txt"]);
}

#[test]
fn a_missing_context_or_dockerfile_is_named() {
    let store = Store::new();
    store.answer(&["build", "/no/such/folder"]).ends_with(1).says(&["/no/such/folder"]);
    let empty = scratch();
    store.answer(&["build", &text(empty.path())]).ends_with(1).says(&["Dockerfile"]);
    let file = empty.path().join("file");
    fs::write(&file, "").expect("write");
    store.answer(&["build", &text(&file)]).ends_with(1).says(&[&text(&file)]);
    store.answer(&["build"]).ends_with(1).says(&["--help"]);
    store.answer(&["biuld", "."]).ends_with(1).says(&["build"]);
}

#[test]
fn a_store_of_another_version_is_refused_in_one_line() {
    let store = Store::new();
    store.ok(&["images"]);
    let version = store.root().join("version");
    assert!(version.is_file(), "no version file in the store");
    fs::write(&version, "999\n").expect("write");
    let answer = store.answer(&["images"]).ends_with(1).says(&["999"]);
    assert!(answer.stderr.trim_end().lines().count() <= 2, "{}", answer.stderr);
}

/// What the first version of the database had; what came later goes.
const EARLIER: &str = "import sqlite3, sys\n\
    database = sqlite3.connect(sys.argv[1])\n\
    first = ('tag', 'record', 'layer')\n\
    tables = database.execute('SELECT name FROM sqlite_schema WHERE type = \"table\"').fetchall()\n\
    [database.execute('DROP TABLE ' + name) for name, in tables if name not in first]\n\
    database.execute('PRAGMA user_version = ' + sys.argv[2])\n\
    database.commit()\n";

#[test]
fn an_earlier_store_is_used_and_a_later_one_refused() {
    let store = Store::new();
    let context = Context::new("FROM busybox\nRUN head -c 9 /dev/urandom > /random\n");
    store.build("x", context.path());
    let random = store.prints("x", &["md5sum", "/random"]);
    let database = text(&store.root().join("store.db"));
    tool("python3", &["-c", EARLIER, &database, "1"]);
    fs::remove_dir_all(store.root().join("notes")).expect("not there yet at that time");
    assert_eq!(store.prints("x", &["md5sum", "/random"]), random);
    store.build("y", context.path()).says(&["CACHED"]);
    assert_eq!(store.prints("y", &["md5sum", "/random"]), random, "the step was found");
    for command in [&["cache", "prune", "--dry-run"][..], &["cache", "du"], &["cache", "verify"]] {
        store.ok(command);
    }
    assert!(!store.root().join("store.db.bad").exists());

    tool("python3", &["-c", EARLIER, &database, "99"]);
    let answer = store.answer(&["images"]).ends_with(1);
    answer.says(&["written by a newer lap", "version 99", "use the lap that wrote it"]);
    assert!(!store.root().join("store.db.bad").exists());
    tool("python3", &["-c", EARLIER, &database, "1"]);
    assert_eq!(store.prints("y", &["md5sum", "/random"]), random);
}

#[test]
fn nothing_half_made_stays_in_the_store() {
    let store = Store::new();
    let context =
        Context::new("FROM busybox\nRUN dd if=/dev/zero of=/big bs=1M count=20 && exit 9\n");
    store.try_build("half", context.path(), &[]).ends_with(1);
    let left: Vec<_> = fs::read_dir(store.root().join("tmp")).expect("list tmp").collect();
    assert!(left.is_empty(), "{left:?}");
    let find = format!("find '{}' -name big", store.root().display());
    assert_eq!(crate::support::tool("sh", &["-c", &find]), "");
}
