//! What RUN and containers are kept to, and what the user reads when that is not enough.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::{Answer, Context, Store, tool};

/// `docker run --cpus 100` on two processors: "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs
/// available". `nproc` counts those that a process may run on.
#[test]
fn there_are_no_more_processors_than_there_are() {
    let count: u32 = tool("nproc", &[]).trim().parse().expect("a number");
    let (all, more) = (format!("{count}"), format!("{}.5", count));
    let store = Store::new();
    let context = Context::new("FROM busybox\nRUN true\n");
    let range = format!("write a number from 0.01 to {count}");
    store
        .answer(&["run", "--rm", "--cpus", &more, "busybox", "true"])
        .ends_with(125)
        .says(&[&range]);
    store.try_build("x", context.path(), &["--cpus", &more]).ends_with(1).says(&[&range, &more]);
    store.ok(&["run", "--rm", "--cpus", &all, "busybox", "true"]);
    store
        .answer_behind(
            &["taskset", "-c", "0"],
            &["run", "--rm", "--cpus", "1.5", "busybox", "true"],
        )
        .ends_with(125)
        .says(&["write a number from 0.01 to 1"]);
}

#[test]
fn a_step_without_memory_says_so() {
    let context = Context::new("FROM busybox\nRUN exec tail /dev/zero\n");
    let store = Store::new();
    let answer = store.try_build("bomb", context.path(), &["-m", "32m"]).ends_with(1);
    answer.says(&["killed by signal 9", "ran out of memory", "32 MiB", "Dockerfile:2"]);
}

#[test]
fn a_fork_bomb_says_so() {
    let context = Context::new("FROM busybox\nRUN for i in $(seq 60); do sleep 20 & done\n");
    let store = Store::new();
    let answer = store.try_build("bomb", context.path(), &["--pids-limit", "20"]).ends_with(1);
    answer.says(&["may not have more than 20 processes"]);
}

#[test]
fn a_container_is_limited_as_a_step_is() {
    let store = Store::new();
    let limits = ["run", "--rm", "-m", "32m", "--pids-limit", "20", "--cpus", "0.5"];
    let run = |command: &[&str]| store.answer(&[&limits[..], &["busybox"], command].concat());
    run(&["sh", "-c", "exec tail /dev/zero"]).ends_with(137).says(&["ran out of memory"]);
    let quiet = run(&["true"]).ends_with(0);
    assert_eq!(quiet.stderr, "");
    let flags = ["run", "--rm", "--ulimit", "nofile=100:200", "--shm-size", "128m", "busybox"];
    let script = "ulimit -Sn; ulimit -Hn; grep /dev/shm /proc/mounts";
    let shown = store.ok(&[&flags[..], &["sh", "-c", script]].concat());
    assert!(shown.starts_with("100\n200\n") && shown.contains("size=131072k"), "{shown}");
}

#[test]
fn limits_are_in_no_key() {
    let context = Context::new("FROM busybox\nRUN cat /proc/sys/kernel/random/uuid > /id\n");
    let store = Store::new();
    let mut ids = Vec::new();
    for flags in [&["--memory", "64m"][..], &[], &["--timeout", "1h", "--cpu-shares", "2"]] {
        store.build_with("same", context.path(), flags);
        ids.push(store.prints("same", &["cat", "/id"]));
    }
    assert!(ids.windows(2).all(|two| two.first() == two.last()), "{ids:?}");
}

#[test]
fn what_cannot_be_enforced_or_meant_is_refused() {
    let context = Context::new("FROM busybox\nRUN true\n");
    let store = Store::new();
    let build = |flags: &[&str]| store.try_build("x", context.path(), flags).ends_with(1);
    build(&["--cpuset-cpus", "4000"]).says(&["cannot enforce the limit on processors", "4000"]);
    build(&["--memory-swap", "1g"]).says(&["--memory-swap needs --memory"]);
    build(&["--cgroup-parent", "/x"]).says(&["without a limit"]);
    build(&["-m", "64m", "--cgroup-parent", "/a/../b"]).says(&["/a/../b"]);
    let answer = store.answer(&["run", "--cpuset-cpus", "4000", "busybox", "true"]).ends_with(125);
    answer.says(&["cannot enforce the limit on processors"]);
}

#[test]
fn a_step_that_takes_too_long_is_killed() {
    let context = Context::new("FROM busybox\nRUN trap '' TERM; sleep 300 & wait\n");
    let store = Store::new();
    let begin = Instant::now();
    let answer = store.try_build("slow", context.path(), &["--timeout", "1s"]).ends_with(1);
    answer.says(&["it took longer than 1s"]);
    assert!(begin.elapsed() < Duration::from_secs(60));
}

/// `true` of BusyBox is linked statically and opens nothing.
#[test]
fn a_command_may_have_as_few_open_files_as_it_needs() {
    let store = Store::new();
    let run = |files| {
        let limit = format!("nofile={files}");
        store.answer(&["run", "--rm", "--ulimit", &limit, "busybox", "true"])
    };
    run(1).ends_with(0);
    run(0).ends_with(125).says(&["nofile=0", "at least one file"]);
    let context = Context::new("FROM busybox\nRUN [\"true\"]\n");
    store.build_with("few", context.path(), &["--ulimit", "nofile=3:3"]);
}

/// What fails meanwhile fails with a remedy; to do without a network of the command's own is none.
#[test]
fn without_enough_open_files_there_is_an_error_and_no_less_isolation() {
    let store = Store::new();
    store.ok(&["pull", "busybox"]);
    let lap = env!("CARGO_BIN_EXE_lap");
    let mut codes = Vec::new();
    for files in 6..40 {
        // Else it is known that the network can be connected, and not tried.
        drop(std::fs::remove_file(store.root().join("connector")));
        let line = format!("ulimit -n {files}; exec '{lap}' run --rm busybox true");
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &line]).env("LAPSTRAKE_ROOT", store.root());
        let answer = Answer::of(&mut command);
        codes.push(answer.code);
        match answer.code {
            Some(0) => assert_eq!(answer.stderr, "", "with {files}"),
            _ => drop(answer.says(&["Too many open files", "ulimit -n"])),
        }
    }
    // A step with file systems in memory, which are held open as far as there is room.
    let mounts: String =
        (0..40).map(|number| format!("--mount=type=tmpfs,target=/t/{number} ")).collect();
    let context = Context::new(&format!("FROM busybox\nRUN {mounts} true\n"));
    for files in 32..64 {
        let build = format!("build --no-cache '{}'", context.path().display());
        let line = format!("ulimit -n {files}; exec '{lap}' {build}");
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &line]).env("LAPSTRAKE_ROOT", store.root());
        let answer = Answer::of(&mut command);
        match answer.code {
            Some(0) => {}
            _ if files < 56 => drop(answer.says(&["Too many open files", "ulimit -n"])),
            _ => panic!("with {files}: {answer:?}"),
        }
    }
    assert!(codes.first() == Some(&Some(125)) && codes.last() == Some(&Some(0)), "{codes:?}");
}

/// In the line of the step as well, which says what it is about.
#[test]
fn a_limit_beyond_what_there_is_says_which_and_what_to_do() {
    let context = Context::new("FROM busybox\nRUN true\n");
    let store = Store::new();
    store.build("base", context.path());
    let most = "nofile=99999999999:99999999999";
    let said = ["cannot limit nofile", "not permitted", "ulimit -H", "nr_open"];
    let flags = ["--no-cache", "--ulimit", most];
    let answer = store.try_build("x", context.path(), &flags).ends_with(1).says(&said);
    let line = answer.stderr.lines().find(|line| line.contains(" ERROR: "));
    assert!(line.is_some_and(|line| line.contains("ERROR: cannot limit nofile: ")), "{line:?}");
    store.answer(&["run", "--rm", "--ulimit", most, "busybox", "true"]).ends_with(125).says(&said);
    for (flag, value) in [("--timeout", "-1"), ("--timeout", "0"), ("--shm-size", "-1")] {
        let answer = store.try_build("x", context.path(), &[flag, value]).ends_with(1);
        answer.says(&[flag, value, "above 0"]);
    }
}

/// cgroups(7): where programs such as Java's look for what they may use.
#[test]
fn a_command_sees_its_limits_and_nothing_else_of_the_machines_groups() {
    let store = Store::new();
    let run = |script: &str| {
        let flags =
            ["run", "--rm", "-m", "64m", "--pids-limit", "20", "busybox", "sh", "-c", script];
        store.ok(&flags)
    };
    let (memory, pids) = match Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        true => ("memory.max", "pids.max"),
        false => ("memory/memory.limit_in_bytes", "pids/pids.max"),
    };
    assert_eq!(run(&format!("cd /sys/fs/cgroup && cat {memory} {pids}")).trim(), "67108864\n20");
    let written = run(&format!(
        "cd /sys/fs/cgroup && (echo 1 > {memory} || mkdir x || mkdir $(dirname {memory})/x) 2>&1; find . -type d | sort -u"
    ));
    let folders: Vec<&str> = written.lines().filter(|line| line.starts_with('.')).collect();
    assert!(written.contains("Read-only file system"), "{written}");
    assert!(folders == ["."] || folders == [".", "./memory", "./pids"], "{written}");
}
