//! Limits that a control group keeps: on a machine that has groups, as root.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure here is a failed test")]

mod ground;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ground::Ground;
use lapstrake_executor::{
    Cancel, ControlGroup, Ended, Error, Exceeded, Executor, GroupLimits, Mount, SandboxSpec,
    Sandboxes, Status, Unenforceable, remove_stale_groups,
};

fn limited(ground: &Ground, script: &str, limits: GroupLimits) -> SandboxSpec {
    let register = register(ground);
    let group = ControlGroup { limits, parent: None, register };
    SandboxSpec { group: Some(group), ..ground.script(script) }
}

fn register(ground: &Ground) -> PathBuf {
    ground.folder.path().join("groups")
}

fn run(spec: &SandboxSpec) -> Result<(Ended, String), Error> {
    let mut output = Vec::new();
    let cancel = Cancel::new()?;
    let ended = Sandboxes.run(spec, &cancel, &mut |bytes| output.extend_from_slice(bytes))?;
    Ok((ended, String::from_utf8_lossy(&output).into_owned()))
}

/// Every group of a sandbox of ours, wherever it is.
fn groups() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(folder) = open.pop() {
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        for path in folders.map(|entry| entry.path()) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.starts_with(&format!("lapstrake-{}-", std::process::id())) {
                found.push(path.clone());
            }
            open.push(path);
        }
    }
    found
}

fn assert_nothing_left(ground: &Ground) {
    assert_eq!(groups(), Vec::<PathBuf>::new());
    assert_eq!(fs::read_dir(register(ground)).unwrap().count(), 0);
}

#[test]
fn a_command_without_memory_is_killed_and_says_why() {
    let ground = Ground::busybox();
    let limits = GroupLimits { memory: Some(32 << 20), ..GroupLimits::default() };
    // The last command of the shell takes its place, so that it is the one that is killed.
    let spec = limited(&ground, "exec tail /dev/zero", limits);
    let (ended, _) = run(&spec).unwrap();
    assert_eq!(ended.status, Status::Signaled(9));
    assert_eq!(ended.exceeded, [Exceeded::Memory { limit: 32 << 20 }]);
    assert_nothing_left(&ground);
}

#[test]
fn shared_memory_counts() {
    let ground = Ground::busybox();
    let limits = GroupLimits { memory: Some(16 << 20), ..GroupLimits::default() };
    let spec = limited(&ground, "dd if=/dev/zero of=/dev/shm/x bs=1M count=40", limits);
    let (ended, output) = run(&spec).unwrap();
    assert!(!ended.status.success(), "{output}");
    assert_eq!(ended.exceeded, [Exceeded::Memory { limit: 16 << 20 }]);
    assert_nothing_left(&ground);
}

/// More than a socket holds descriptors, which are handed out before anybody takes them.
#[test]
fn any_number_of_file_systems_in_memory_is_fine() {
    let ground = Ground::busybox();
    let mut spec = ground.script("grep -c '^tmpfs /many' /proc/mounts; exit 3");
    spec.mounts = (0..600)
        .map(|number| Mount::Tmpfs {
            target: format!("/many/{number}").into(),
            size: Some(4096),
            mode: None,
            read_only: false,
            executable: false,
        })
        .collect();
    let (ended, output) = run(&spec).unwrap();
    assert_eq!((ended, output.as_str()), (Status::Exited(3).into(), "600\n"));
}

/// What the command says of it, if anything, is its own.
#[test]
fn a_full_file_system_in_memory_is_known_by_itself() {
    let ground = Ground::busybox();
    let mut spec = ground.script("cat /dev/zero > /dev/shm/x 2> /dev/null");
    let full = |target: &str, limit| Exceeded::MemoryMount { target: target.into(), limit };
    let (ended, _) = run(&spec).unwrap();
    assert_eq!(
        (ended.status, ended.exceeded),
        (Status::Exited(1), vec![full("/dev/shm", 64 << 20)])
    );
    spec = ground.script("cat /dev/zero > /somewhere/x 2> /dev/null; touch /dev/shm/x; exit 3");
    let (target, size) = ("/somewhere".into(), Some(8192));
    spec.mounts.push(Mount::Tmpfs {
        target,
        size,
        mode: None,
        read_only: false,
        executable: false,
    });
    let (ended, _) = run(&spec).unwrap();
    assert_eq!((ended.status, ended.exceeded), (Status::Exited(3), vec![full("/somewhere", 8192)]));
    // One that does well has come up against nothing.
    spec.argv = ground.script("cat /dev/zero > /somewhere/x; true").argv;
    let (ended, _) = run(&spec).unwrap();
    assert_eq!(ended, Ended { status: Status::Exited(0), exceeded: Vec::new() });
}

#[test]
fn a_fork_bomb_stays_small_and_says_why() {
    let ground = Ground::busybox();
    let limits = GroupLimits { processes: Some(20), ..GroupLimits::default() };
    let spec = limited(&ground, "for i in $(seq 40); do sleep 30 & done", limits);
    let (ended, output) = run(&spec).unwrap();
    assert!(!ended.status.success(), "{output}");
    assert_eq!(ended.exceeded, [Exceeded::Processes { limit: 20 }]);
    assert_nothing_left(&ground);
}

#[test]
fn processors_and_their_time_are_limited() {
    let ground = Ground::busybox();
    let limits = GroupLimits { cpus: Some("0".into()), ..GroupLimits::default() };
    let (_, output) =
        run(&limited(&ground, "grep Cpus_allowed_list /proc/self/status", limits)).unwrap();
    assert_eq!(output, "Cpus_allowed_list:\t0\n");
    let limits = GroupLimits {
        cpu_quota: Some(10_000),
        cpu_period: Some(100_000),
        cpu_shares: Some(512),
        ..GroupLimits::default()
    };
    // 0.2 s of work take ten times as long.
    let work = "end=$(($(cut -d. -f1 /proc/uptime) + 3)); \
         while [ $(cut -d. -f1 /proc/uptime) -lt $end ]; do :; done; \
         cut -d' ' -f14-17 /proc/self/stat; cat /proc/$$/stat | cut -d' ' -f14-17";
    let (ended, output) = run(&limited(&ground, work, limits)).unwrap();
    assert!(ended.status.success(), "{output}");
    let ticks = output.lines().last().unwrap().split(' ');
    let ticks: u64 = ticks.map(|word| word.parse::<u64>().unwrap()).sum();
    assert!(ticks < 100, "of 300 ticks at most 30 and a little are allowed: {output}");
    assert_nothing_left(&ground);
}

#[test]
fn the_group_is_the_root_of_what_is_seen_and_cannot_be_written() {
    let ground = Ground::busybox();
    let limits = GroupLimits { processes: Some(20), ..GroupLimits::default() };
    let script = "grep pids: /proc/self/cgroup || grep ^0:: /proc/self/cgroup; \
         ! touch /sys/fs/cgroup/x 2>/dev/null && echo refused";
    let (_, output) = run(&limited(&ground, script, limits)).unwrap();
    assert!(output.contains(":/\n") && output.ends_with("refused\n"), "{output}");
}

#[test]
fn a_parent_is_made_and_removed() {
    let ground = Ground::busybox();
    let name = format!("lapstrake-{}-parent", std::process::id());
    let limits = GroupLimits { processes: Some(20), ..GroupLimits::default() };
    let mut spec = limited(&ground, "true", limits);
    for parent in [format!("/{name}/inner"), name.clone()] {
        spec.group.as_mut().unwrap().parent = Some(parent);
        spec.rootfs = ground.rootfs();
        assert!(run(&spec).unwrap().0.status.success());
        assert_nothing_left(&ground);
    }
    spec.group.as_mut().unwrap().parent = Some("/../x".into());
    assert!(matches!(run(&spec), Err(Error::InvalidSpec { .. })));
    assert_nothing_left(&ground);
}

#[test]
fn what_the_machine_cannot_do_is_an_error() {
    let ground = Ground::busybox();
    let limits = GroupLimits { cpus: Some("4000".into()), ..GroupLimits::default() };
    match run(&limited(&ground, "true", limits)) {
        Err(Error::Limit { subject, source: Unenforceable::Value { file, .. } }) => {
            assert_eq!(
                (subject.as_str(), file.as_str()),
                ("processors and memory nodes", "cpuset.cpus")
            );
        }
        other => panic!("{other:?}"),
    }
    assert_nothing_left(&ground);
}

#[test]
fn groups_of_a_killed_process_are_removed_by_the_next_one() {
    let ground = Ground::busybox();
    let limits = GroupLimits { processes: Some(20), ..GroupLimits::default() };
    let sandbox = lapstrake_executor::start(
        &limited(&ground, "sleep 100", limits),
        lapstrake_executor::Stdio::Captured,
    )
    .unwrap();
    let made = groups();
    assert!(!made.is_empty());
    // As long as its process has it, it stays.
    remove_stale_groups(&register(&ground));
    assert_eq!(groups(), made);
    // What a killed process leaves: a group without processes, an entry without a lock.
    let entry = fs::read_dir(register(&ground)).unwrap().next().unwrap().unwrap();
    let (path, noted) = (entry.path(), fs::read(entry.path()).unwrap());
    drop(sandbox);
    for folder in &made {
        fs::create_dir(folder).unwrap();
    }
    let outside = ground.folder.path().join("kept");
    fs::create_dir(&outside).unwrap();
    fs::write(&path, [noted, outside.display().to_string().into_bytes()].concat()).unwrap();
    remove_stale_groups(&register(&ground));
    assert_nothing_left(&ground);
    assert!(outside.is_dir(), "what is no group is not touched");
}

#[test]
fn a_command_that_takes_too_long_is_killed() {
    let ground = Ground::busybox();
    let limit = Duration::from_secs(2);
    let script = "trap '' TERM; sleep 100 & while :; do echo x; sleep 0.1; done";
    let spec = SandboxSpec { timeout: Some(limit), ..ground.script(script) };
    let begin = Instant::now();
    let (ended, output) = run(&spec).unwrap();
    assert_eq!(
        ended,
        Ended { status: Status::Signaled(9), exceeded: vec![Exceeded::Time { limit }] }
    );
    assert!(output.starts_with("x\n") && begin.elapsed() < Duration::from_secs(30));
    let spec = SandboxSpec { timeout: Some(Duration::MAX), ..ground.script("true") };
    assert_eq!(run(&spec).unwrap().0, Status::Exited(0).into());
    assert!(!Path::new(&register(&ground)).exists(), "without a limit there is no group");
}

#[test]
fn a_command_that_writes_too_much_is_killed() {
    let ground = Ground::busybox();
    let exactly = "head -c 1048576 /dev/zero";
    for (script, expected) in [
        (exactly, Ended::from(Status::Exited(0))),
        (
            "yes",
            Ended {
                status: Status::Signaled(9),
                exceeded: vec![Exceeded::Output { limit: 1 << 20 }],
            },
        ),
    ] {
        let spec = SandboxSpec { max_output: Some(1 << 20), ..ground.script(script) };
        let (ended, output) = run(&spec).unwrap();
        assert_eq!(ended, expected, "{script}");
        // What was in the pipe when it was killed comes as well.
        assert!((1 << 20..(1 << 20) + (1 << 18)).contains(&output.len()), "{}", output.len());
    }
}
