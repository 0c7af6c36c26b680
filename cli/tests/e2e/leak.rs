//! However a build ends, nothing of it stays: no process, no mount, no file, as root and as an ordinary user.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::machine::{Machine, is_alone};
use crate::rootless::{RANGES, User};
use crate::support::{
    Answer, Background, Context, Store, processes_with, text, unusual_sleep, wait_for, within,
};

/// How the build is brought to its end.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// By a signal that it may handle.
    Asked(Signal, i32),
    Killed,
    GroupKilled,
    /// What is process 1 in the sandbox is killed.
    InitKilled,
    /// It ends by itself.
    Left(i32),
}

const WAYS: [Way; 8] = [
    Way::Asked(Signal::SIGINT, 130),
    Way::Asked(Signal::SIGTERM, 143),
    Way::Asked(Signal::SIGHUP, 129),
    Way::Killed,
    Way::GroupKilled,
    Way::InitKilled,
    Way::Left(0),
    Way::Left(1),
];

/// Process 1 becomes another user, so that the kernel no longer kills it with its parent, and has a child
/// that no signal but one ends and that is in a session of its own.
fn dockerfile(way: Way, seconds: &str) -> String {
    let end = match way {
        Way::Left(code) => format!("sleep {}; exit {code}", last(seconds)),
        _ => format!("exec su -s /bin/sh nobody -c 'exec sleep {seconds}'"),
    };
    format!(
        "FROM busybox\nRUN echo x > /half; (trap '' INT TERM HUP; setsid sleep {seconds}) & {end}\n"
    )
}

/// What the step sleeps for that ends by itself.
fn last(seconds: &str) -> String {
    format!("{seconds}1")
}

/// The state and the parent of a process.
fn state(id: i32) -> Option<(String, i32)> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let mut words = stat.rsplit_once(") ")?.1.split(' ');
    Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
}

fn processes() -> Vec<i32> {
    let ids = fs::read_dir("/proc").expect("list /proc");
    ids.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// A process and all that descend from it.
pub(crate) fn descendants(root: i32) -> Vec<i32> {
    let parents: Vec<(i32, i32)> =
        processes().into_iter().filter_map(|id| Some((id, state(id)?.1))).collect();
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(parents.iter().filter(|one| one.1 == parent).map(|one| one.0));
        next += 1;
    }
    found
}

/// One that has ended and is not yet waited for by the machine's process 1 does not run.
pub(crate) fn runs(id: i32) -> bool {
    state(id).is_some_and(|(state, _)| state != "Z" && state != "X")
}

/// Lines about a folder in the mounts of any process.
pub(crate) fn mounts_anywhere(folder: &Path) -> Vec<String> {
    let folder = text(folder);
    let all = processes().into_iter().filter_map(|id| {
        let mounts = fs::read_to_string(format!("/proc/{id}/mountinfo")).ok()?;
        mounts.lines().find(|line| line.contains(&folder)).map(|line| format!("{id}: {line}"))
    });
    all.collect()
}

fn is_init(id: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    ids.is_some_and(|ids| ids.split_whitespace().count() > 1 && ids.ends_with("\t1"))
}

/// Ends the build and waits for that.
fn end(build: Background, way: Way, all: &[i32], seconds: &str) -> Answer {
    match way {
        Way::Asked(signal, _) => build.signal(signal),
        Way::Killed => build.signal(Signal::SIGKILL),
        Way::GroupKilled => {
            killpg(Pid::from_raw(build.id()), Signal::SIGKILL).expect("kill the group");
        }
        Way::InitKilled => {
            let init = all.iter().find(|id| is_init(**id)).expect("process 1 of the sandbox");
            kill(Pid::from_raw(*init), Signal::SIGKILL).expect("kill process 1");
        }
        Way::Left(_) => {
            let asleep = wait_for("the step", || processes_with(&last(seconds)).first().copied());
            kill(Pid::from_raw(asleep), Signal::SIGTERM).expect("wake the step");
        }
    }
    build.answer()
}

/// What of a store is there for a moment only: files, locks and notes of processes, and what is to replace another
/// file. Locks that are always the same stay.
pub(crate) fn passing(store: &Path) -> Vec<String> {
    const LASTING: [&str; 5] = ["use", "gate", "tmp", "index", "salt"];
    let list = |folder: &str| -> Vec<String> {
        let entries = fs::read_dir(store.join(folder)).into_iter().flatten();
        entries.map(|entry| text(Path::new(&entry.expect("list").file_name()))).collect()
    };
    let within = |folder, is_passing: &dyn Fn(&str) -> bool| -> Vec<String> {
        let names = list(folder).into_iter().filter(|name| is_passing(name));
        names.map(|name| format!("{folder}/{name}")).collect()
    };
    let mut found = within("locks", &|name| !LASTING.contains(&name));
    found.extend(["tmp", "leases", "groups"].iter().flat_map(|folder| within(folder, &|_| true)));
    let is_hidden = |name: &str| name.starts_with('.');
    found.extend(["", "stat", "notes"].iter().flat_map(|folder| within(folder, &is_hidden)));
    found
}

/// `start` begins a build that leads a process group, `next` is another command on the same store,
/// which is in the folder `store`. Returns how long processes outlived the build.
fn nothing_stays(
    way: Way,
    start: impl FnOnce(&str) -> Background,
    next: impl FnOnce(),
    store: impl Fn() -> PathBuf,
) -> Duration {
    let seconds = unusual_sleep();
    let machine = Machine::look();
    let build = start(&seconds);
    let sleeps = if matches!(way, Way::Left(_)) { 1 } else { 2 };
    wait_for("the step to sleep", || (processes_with(&seconds).len() >= sleeps).then_some(()));
    let all = descendants(build.id());
    assert!(all.len() > sleeps, "{all:?}");
    let store = store();
    let tmp = store.join("tmp");
    assert!(!mounts_anywhere(&tmp).is_empty(), "what is mounted is not seen");
    let working = passing(&store);
    for folder in ["tmp", "leases", "locks"] {
        assert!(working.iter().any(|name| name.starts_with(folder)), "not seen: {folder}");
    }
    let answer = end(build, way, &all, &seconds);
    let ended = Instant::now();
    let code = match way {
        Way::Asked(_, code) | Way::Left(code) => Some(code),
        Way::Killed | Way::GroupKilled => None,
        Way::InitKilled => Some(1),
    };
    assert_eq!(answer.code, code, "{way:?}: {answer:?}");
    // Who is killed cannot wait for others.
    let limit = if code.is_some() { Duration::ZERO } else { Duration::from_secs(20) };
    let left = || all.iter().filter(|id| runs(**id)).collect::<Vec<_>>();
    while !left().is_empty() && ended.elapsed() < limit {
        std::thread::sleep(Duration::from_millis(10));
    }
    let outlived = if code.is_some() { Duration::ZERO } else { ended.elapsed() };
    assert!(left().is_empty(), "{way:?} leaves {:?}", left());
    assert_eq!(mounts_anywhere(&tmp), [""; 0], "{way:?} leaves mounts");
    next();
    assert_eq!(passing(&store), [""; 0], "{way:?} leaves files in {}", store.display());
    machine.is_back(&format!("{way:?}"));
    outlived
}

#[test]
fn nothing_of_a_build_of_root_stays() {
    if !is_alone("leak::nothing_of_a_build_of_root_stays") {
        return;
    }
    let attempt = |way| {
        let store = Store::new();
        store.ok(&["pull", "-q", "busybox"]);
        let context = std::cell::OnceCell::new();
        let start = |seconds: &str| {
            let context = context.get_or_init(|| Context::new(&dockerfile(way, seconds)));
            let mut lap = store.lap(&["build", "--pids-limit", "1000", &text(context.path())]);
            lap.process_group(0);
            Background::of(lap)
        };
        let next = || assert!(!store.ok(&["images", "-q"]).is_empty());
        nothing_stays(way, start, next, || store.root().to_owned())
    };
    WAYS.into_iter().for_each(|way| within(Duration::from_secs(1), || attempt(way)));
}

#[test]
fn nothing_of_a_build_of_a_user_stays() {
    if !is_alone("leak::nothing_of_a_build_of_a_user_stays") {
        return;
    }
    let attempt = |way| {
        let user = User::new(RANGES);
        user.ok(&["pull", "-q", "busybox"]);
        let start = |seconds: &str| {
            let context = user.context(&dockerfile(way, seconds));
            let mut lap = user.command_behind(&[], &["build", &context]);
            lap.process_group(0);
            Background::of(lap)
        };
        let next = || assert!(!user.ok(&["images", "-q"]).is_empty());
        nothing_stays(way, start, next, || user.path("home/.local/share/lapstrake"))
    };
    WAYS.into_iter().for_each(|way| within(Duration::from_secs(1), || attempt(way)));
}
