//! What runs out of something, or never ends, ends with the reason named; the engine stays small, and
//! nothing of the build stays. As root and as an ordinary user.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use crate::leak::{descendants, mounts_anywhere, runs};
use crate::machine::{Machine, is_alone};
use crate::rootless::{RANGES, UID, User};
use crate::support::{Context, LIMIT, Store, scratch, text};

/// What the engine may use, in kB.
const ENGINE: u64 = 256 << 10;

/// What an endless log may take on disk: it is all there, compressed.
const LOG: u64 = 64 << 20;

/// Something that cannot go well.
struct Bomb {
    run: &'static str,
    flags: &'static [&'static str],
    /// All of these are said.
    says: &'static [&'static str],
    /// Kept to by a control group: a user who may not make one is told so.
    needs_group: bool,
}

const FLOOD: Bomb = Bomb {
    run: "yes this is a line that says nothing new",
    flags: &["--max-log", "200m"],
    says: &["killed by signal 9", "it wrote more than 200 MiB of output"],
    needs_group: false,
};

const BOMBS: [Bomb; 6] = [
    Bomb {
        run: "exec tail /dev/zero",
        flags: &["--memory", "64m"],
        says: &["killed by signal 9", "ran out of memory", "64 MiB"],
        needs_group: true,
    },
    Bomb {
        run: "b() { b | b & b; }; b",
        flags: &["--pids-limit", "64", "--timeout", "20s"],
        says: &["may not have more than 64 processes"],
        needs_group: true,
    },
    Bomb {
        run: "ulimit -v 100000; exec tail /dev/zero",
        flags: &[],
        says: &["exit status 1", "memory"],
        needs_group: false,
    },
    Bomb {
        run: "dd if=/dev/zero of=/dev/shm/full bs=1M 2> /dev/null",
        flags: &[],
        says: &["exit status 1: /dev/shm is full, which holds 64 MiB, and more with --shm-size"],
        needs_group: false,
    },
    Bomb {
        run: "--mount=type=tmpfs,target=/memory,size=1m cat /dev/zero > /memory/full 2> /dev/null",
        flags: &[],
        says: &["exit status 1: /memory is full, which holds 1 MiB"],
        needs_group: false,
    },
    FLOOD,
];

/// A build that has ended.
struct Ended {
    code: Option<i32>,
    stderr: String,
    /// The most memory that a process of `lap` used, in kB.
    peak: u64,
    seen: BTreeSet<i32>,
}

/// Runs a build to its end and looks at its processes meanwhile. What it shows is kept unless there is
/// too much.
fn watched(mut command: Command, shown: bool) -> Ended {
    let file = tempfile::NamedTempFile::new().expect("a file for what it says");
    let stderr = if shown { Stdio::from(file.reopen().expect("open it")) } else { Stdio::null() };
    let mut child = command.stdout(Stdio::null()).stderr(stderr).spawn().expect("start lap");
    let (id, start) = (i32::try_from(child.id()).expect("a small id"), std::time::Instant::now());
    let (mut peak, mut seen) = (0, BTreeSet::new());
    let status = loop {
        for process in descendants(id) {
            seen.insert(process);
            peak = peak.max(engine_memory(process));
        }
        if let Some(status) = child.try_wait().expect("wait for lap") {
            break status;
        }
        assert!(start.elapsed() < LIMIT, "{command:?} does not end");
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    let stderr = fs::read_to_string(file.path()).expect("read what it said");
    Ended { code: status.code(), stderr, peak, seen }
}

/// The most that a process used so far, if it is `lap`.
fn engine_memory(id: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
    match field("Name:").map(str::trim) {
        Some("lap") => {}
        _ => return 0,
    }
    let peak = field("VmHWM:").and_then(|value| value.trim().strip_suffix(" kB"));
    peak.map_or(0, |value| value.trim().parse().expect("a number"))
}

impl Ended {
    fn failed_with(&self, words: &[&str]) {
        assert_eq!(self.code, Some(1), "{}", self.stderr);
        for word in words {
            assert!(self.stderr.contains(word), "does not say {word:?}: {}", self.stderr);
        }
        assert!(self.peak < ENGINE, "the engine used {} kB", self.peak);
    }

    /// `root` is the store, which has seen another command since; `machine` is what it was before.
    fn left_nothing(&self, root: &Path, machine: &Machine) {
        let left: Vec<_> = self.seen.iter().filter(|id| runs(**id)).collect();
        assert!(left.is_empty(), "processes are left: {left:?}");
        assert_eq!(mounts_anywhere(&root.join("tmp")), [""; 0]);
        for folder in ["tmp", "groups"] {
            let files = fs::read_dir(root.join(folder)).map_or(0, Iterator::count);
            assert_eq!(files, 0, "files are left in {folder}");
        }
        machine.is_back(&self.stderr);
    }
}

fn dockerfile(bomb: &Bomb) -> String {
    format!("FROM busybox\nRUN {}\n", bomb.run)
}

fn size_of(folder: &Path) -> u64 {
    let size = crate::support::tool("du", &["-sB1", &text(folder)]);
    size.split_whitespace().next().expect("a size").parse().expect("a number")
}

#[test]
fn steps_of_root_that_exhaust_something_say_what() {
    if !is_alone("exhaust::steps_of_root_that_exhaust_something_say_what") {
        return;
    }
    let store = Store::new();
    store.ok(&["pull", "-q", "busybox"]);
    for bomb in &BOMBS {
        let context = Context::new(&dockerfile(bomb));
        let words = [&["build", "--progress", "quiet"], bomb.flags, &[&text(context.path())]];
        let machine = Machine::look();
        let ended = watched(store.lap(&words.concat()), true);
        ended.failed_with(bomb.says);
        assert!(ended.peak > 0, "the engine was not seen");
        store.ok(&["images"]);
        ended.left_nothing(&store.root(), &machine);
    }
    assert!(size_of(&store.root().join("logs")) < LOG, "the logs are large");
}

#[test]
fn steps_of_a_user_that_exhaust_something_say_what() {
    if !is_alone("exhaust::steps_of_a_user_that_exhaust_something_say_what") {
        return;
    }
    let user = User::new(RANGES);
    user.ok(&["pull", "-q", "busybox"]);
    for bomb in &BOMBS {
        let context = user.context(&dockerfile(bomb));
        let words = [&["build", "--progress", "quiet"], bomb.flags, &[&context]];
        let machine = Machine::look();
        let ended = watched(user.command_behind(&[], &words.concat()), true);
        match bomb.needs_group && ended.stderr.contains("cannot enforce the limit") {
            true => ended.failed_with(&[]),
            false => ended.failed_with(bomb.says),
        }
        user.ok(&["images"]);
        ended.left_nothing(&user.path("home/.local/share/lapstrake"), &machine);
    }
}

/// All of it is shown, as fast as it comes.
#[test]
fn a_flood_that_is_shown_does_not_grow_the_engine() {
    let store = Store::new();
    let context = Context::new(&dockerfile(&FLOOD));
    let words = ["build", "--progress", "plain", "--max-log", "20m", &text(context.path())];
    let ended = watched(store.lap(&words), false);
    assert_eq!(ended.code, Some(1));
    assert!(ended.peak > 0 && ended.peak < ENGINE, "the engine used {} kB", ended.peak);
    let last = store.answer(&["build", "logs", "last"]).ends_with(0);
    assert!(last.stdout.lines().nth(1) == Some("this is a line that says nothing new"));
}

/// Lays a small file system over a folder, for this thread and what it starts.
fn make_small(folder: &Path, owner: u32, megabytes: u32) {
    unshare(CloneFlags::CLONE_NEWNS).expect("a mount namespace");
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).expect("make it private");
    let options = format!("size={megabytes}m,mode=755,uid={owner},gid={owner}");
    mount(Some("small"), folder, Some("tmpfs"), MsFlags::empty(), Some(options.as_str()))
        .expect("mount a small file system");
}

/// A command, and a copy, that the disk is too small for.
const TOO_LARGE: [&str; 2] =
    ["FROM busybox\nRUN dd if=/dev/zero of=/big bs=1M\n", "FROM busybox\nCOPY big /big\n"];

fn fill(context: &Path) {
    let big = fs::File::create(context.join("big")).expect("make a file");
    // It has to be written: holes would be kept.
    let mut random = std::io::Read::take(fs::File::open("/dev/urandom").expect("open"), 64 << 20);
    std::io::copy(&mut random, &mut &big).expect("fill it");
}

fn full_disk(root: PathBuf, lap: impl Fn(&[&str]) -> Command, contexts: [String; 2]) {
    let good = |words: &[&str]| crate::support::Answer::of(&mut lap(words)).ends_with(0);
    good(&["pull", "-q", "busybox"]);
    for context in &contexts {
        let machine = Machine::look();
        let ended = watched(lap(&["build", "--progress", "plain", context]), true);
        ended.failed_with(&["No space left on device"]);
        good(&["images"]);
        ended.left_nothing(&root, &machine);
    }
    good(&["run", "--rm", "busybox", "true"]);
    // To the last byte: nothing can be written, and nothing is taken for damage.
    let rest = root.join("rest");
    let mut file = fs::File::create(&rest).expect("make a file");
    let _ = std::io::copy(&mut std::io::repeat(7), &mut file);
    let _ = crate::support::Answer::of(&mut lap(&["images"]));
    drop(file);
    fs::remove_file(&rest).expect("remove it");
    assert!(!root.join("store.db.bad").exists(), "the database was moved aside");
    good(&["cache", "prune", "-a"]);
    good(&["run", "--rm", "busybox", "true"]);
}

#[test]
fn a_full_disk_is_named_and_nothing_is_left() {
    if !is_alone("exhaust::a_full_disk_is_named_and_nothing_is_left") {
        return;
    }
    let folder = scratch();
    make_small(folder.path(), 0, 32);
    let root = folder.path().join("store");
    let contexts = TOO_LARGE.map(Context::new);
    fill(contexts[1].path());
    let store = Store::new();
    let lap = |words: &[&str]| {
        let mut lap = store.lap(words);
        lap.env("LAPSTRAKE_ROOT", &root);
        lap
    };
    full_disk(root.clone(), lap, [0, 1].map(|number| text(contexts[number].path())));
}

#[test]
fn a_full_disk_of_a_user_is_named_and_nothing_is_left() {
    if !is_alone("exhaust::a_full_disk_of_a_user_is_named_and_nothing_is_left") {
        return;
    }
    let user = User::new(RANGES);
    make_small(&user.path("home"), UID, 32);
    let [run, copy] = TOO_LARGE;
    let one = text(&user.path("one"));
    fs::rename(user.context(run), &one).expect("keep the first context");
    let two = user.context(copy);
    fill(Path::new(&two));
    let root = user.path("home/.local/share/lapstrake");
    full_disk(root, |words| user.command_behind(&[], words), [one, two]);
}

/// What is refused before it begins leaves no file either.
#[test]
fn a_fault_in_the_dockerfile_leaves_nothing() {
    if !is_alone("exhaust::a_fault_in_the_dockerfile_leaves_nothing") {
        return;
    }
    let store = Store::new();
    let context = Context::new("FROM busybox\nRUM true\n");
    let build = || watched(store.lap(&["build", &text(context.path())]), true);
    build();
    let files = || crate::support::tool("find", &[&text(&store.root())]);
    let (before, machine) = (files(), Machine::look());
    let ended = build();
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("Dockerfile:2:1"), "{}", ended.stderr);
    ended.left_nothing(&store.root(), &machine);
    assert_eq!(files(), before);
}

/// A registry that hangs up in the middle of every answer.
#[test]
fn a_registry_that_hangs_up_leaves_nothing() {
    if !is_alone("exhaust::a_registry_that_hangs_up_leaves_nothing") {
        return;
    }
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("bind a port");
    let port = listener.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut request = [0; 512];
            let _ = std::io::Read::read(&mut stream, &mut request);
            let half =
                b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\n\
                Content-Length: 5000\r\n\r\n{\"schemaVersion\":2,";
            let _ = std::io::Write::write_all(&mut stream, half);
        }
    });
    let store = Store::new();
    store.ok(&["images"]);
    let context = Context::new(&format!("FROM 127.0.0.1:{port}/x\nRUN true\n"));
    let machine = Machine::look();
    let ended = watched(store.lap(&["build", &text(context.path())]), true);
    ended.failed_with(&["cannot use the image", &port.to_string(), "Dockerfile:1"]);
    store.ok(&["images"]);
    ended.left_nothing(&store.root(), &machine);
}
