//! The store on disks that are full, on one that cannot be written, with folders that somebody removed, and
//! under any umask. The disks are small ext4 file systems of this thread alone.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use tempfile::TempDir;

use crate::support::{Answer, Context, Store, scratch, text, tool};

/// A file system of its own with a store on it.
struct Disk {
    folder: TempDir,
    lap: Store,
}

impl Disk {
    fn new(megabytes: u32) -> Self {
        let folder = scratch();
        unshare(CloneFlags::CLONE_NEWNS).expect("a mount namespace");
        let none: Option<&str> = None;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
            .expect("make it private");
        let image = text(&folder.path().join("image"));
        tool("truncate", &["-s", &format!("{megabytes}M"), &image]);
        tool("mkfs.ext4", &["-q", "-m", "0", &image]);
        fs::create_dir(folder.path().join("disk")).expect("create a folder");
        let disk = Self { folder, lap: Store::new() };
        tool("mount", &["-o", "loop", &image, &text(&disk.path())]);
        disk
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    fn root(&self) -> PathBuf {
        self.path().join("store")
    }

    fn lap(&self, words: &[&str]) -> Answer {
        Answer::of(self.lap.lap(words).env("LAPSTRAKE_ROOT", self.root()))
    }

    fn build(&self, context: &Context) -> Answer {
        self.lap(&["build", "--progress", "plain", "-t", "app", &text(context.path())])
    }

    /// Leaves not one byte.
    fn fill(&self) -> PathBuf {
        let path = self.path().join("rest");
        // A hole takes nothing, and whole blocks first.
        for size in [1 << 20, 4096, 512, 1] {
            let mut file =
                fs::File::options().append(true).create(true).open(&path).expect("a file");
            while io::Write::write(&mut file, &vec![7; size]).is_ok() {}
        }
        path
    }

    fn unmount(self) {
        tool("umount", &[&text(&self.path())]);
    }
}

fn steps(count: usize) -> Context {
    let steps: String =
        (0..count).map(|number| format!("RUN echo {number} > /{number}\n")).collect();
    Context::new(&format!("FROM busybox\n{steps}"))
}

#[test]
fn a_disk_without_a_byte_left_can_be_pruned() {
    let disk = Disk::new(32);
    disk.build(&steps(24)).ends_with(0);
    assert!(disk.root().join("reserve").exists());
    disk.lap(&["rmi", "app"]).ends_with(0);
    let rest = disk.fill();
    // What there is can be seen, and what is wrong is said.
    disk.lap(&["images"]).ends_with(0).says(&["REPOSITORY"]);
    let place = format!("{} (ext4 on /dev/loop", text(&disk.path()));
    disk.build(&steps(1)).ends_with(1).says(&["is full: ", &place, "lap cache prune", "--root"]);
    // The reserve is still there for whom it is meant.
    assert!(disk.root().join("reserve").exists());
    let pruned = disk.lap(&["cache", "prune", "-a"]).ends_with(0).says(&["Total: "]);
    assert!(pruned.stdout.matches("regular").count() >= 24, "{}", pruned.stdout);
    let layers = || fs::read_dir(disk.root().join("layers")).expect("layers").count();
    // That of the base image, which has a name.
    assert_eq!(layers(), 1, "{}", pruned.stdout);
    assert!(!disk.root().join("store.db.bad").exists(), "the database was moved aside");
    // Again on a disk that is full anew, now without a reserve.
    disk.fill();
    disk.build(&steps(1)).ends_with(1).says(&["is full"]);
    fs::remove_file(rest).expect("remove it");
    disk.build(&steps(1)).ends_with(0);
    assert!(disk.root().join("reserve").exists(), "it was not made again");
    disk.lap(&["cache", "verify"]).ends_with(0);
    disk.unmount();
}

/// Then logs go for the command that removes.
#[test]
fn a_disk_can_be_pruned_when_somebody_took_the_reserve_as_well() {
    let disk = Disk::new(24);
    let long = "FROM busybox\nRUN head -c 300000 /dev/urandom | base64\n";
    disk.build(&Context::new(long)).ends_with(0);
    fs::remove_file(disk.root().join("reserve")).expect("remove it");
    disk.fill();
    disk.build(&steps(1)).ends_with(1).says(&["is full"]);
    disk.lap(&["rmi", "app"]).ends_with(0).says(&["Deleted"]);
    disk.lap(&["cache", "prune", "-a"]).ends_with(0).says(&["Total"]);
    disk.lap(&["cache", "verify"]).ends_with(0);
    disk.unmount();
}

#[test]
fn an_image_can_be_removed_on_a_disk_without_a_byte_left() {
    let disk = Disk::new(24);
    disk.build(&steps(2)).ends_with(0);
    disk.fill();
    disk.lap(&["rmi", "app"]).ends_with(0).says(&["Deleted: sha256:"]);
    disk.lap(&["cache", "prune"]).ends_with(0);
    disk.unmount();
}

#[test]
fn what_fills_the_disk_is_told_which_and_how_full() {
    let disk = Disk::new(24);
    disk.build(&steps(1)).ends_with(0);
    let place = format!("{} (ext4 on /dev/loop", text(&disk.path()));
    let run = Context::new("FROM busybox\nRUN dd if=/dev/zero of=/big bs=64k\n");
    let says = ["the disk of the store is full", &place, " free; ", "lap cache prune"];
    disk.build(&run).ends_with(1).says(&says);
    // A command that keeps its mouth shut, too.
    let mute = Context::new("FROM busybox\nRUN dd if=/dev/zero of=/big bs=64k 2> /dev/null\n");
    disk.build(&mute).ends_with(1).says(&says);
    let copy = Context::new("FROM busybox\nCOPY big /big\n");
    tool("dd", &["if=/dev/urandom", &format!("of={}/big", text(copy.path())), "bs=1M", "count=40"]);
    disk.build(&copy).ends_with(1).says(&["a disk is full", &place, "lap cache prune makes room"]);
    let archive = text(&disk.folder.path().join("big.tar"));
    tool("tar", &["-C", &text(copy.path()), "-cf", &archive, "big"]);
    let imported = disk.lap(&["import", &archive, "big"]);
    imported.ends_with(1).says(&["a disk is full", &place]);
    disk.lap(&["cache", "verify"]).ends_with(0);
    disk.unmount();
}

#[test]
fn a_disk_without_inodes_says_so() {
    let disk = Disk::new(24);
    disk.build(&steps(1)).ends_with(0);
    let folder = disk.path().join("many");
    fs::create_dir(&folder).expect("create a folder");
    let made =
        (0_u32..).take_while(|number| fs::File::create(folder.join(number.to_string())).is_ok());
    assert!(made.count() > 100);
    disk.build(&steps(3)).ends_with(1).says(&["inodes", "lap cache prune"]);
    fs::remove_dir_all(folder).expect("remove them");
    disk.build(&steps(3)).ends_with(0);
    disk.unmount();
}

#[test]
fn a_store_that_cannot_be_written_says_so() {
    let disk = Disk::new(24);
    disk.build(&steps(1)).ends_with(0);
    tool("mount", &["-o", "remount,ro", &text(&disk.path())]);
    let root = text(&disk.root());
    for words in [&["cache", "prune"][..], &["pull", "busybox"], &["run", "app", "true"]] {
        let answer = disk.lap(words);
        assert_ne!(answer.code, Some(0));
        answer.says(&[
            &format!("the store {root} cannot be written: its file system is mounted read-only"),
            "mount it so that it can be written",
            "LAPSTRAKE_ROOT",
        ]);
    }
    disk.build(&steps(1)).ends_with(1).says(&["mounted read-only"]);
    disk.lap(&["images"]).ends_with(0).says(&["app"]);
    disk.lap(&["history", "app"]).ends_with(0).says(&["echo 0 > /0"]);
    disk.unmount();
}

/// What somebody removed is made again, as it was.
#[test]
fn folders_that_are_gone_are_made_anew() {
    let store = Store::new();
    let context = Context::new(
        "FROM busybox\nCOPY a /a\nRUN --mount=type=cache,target=/c cat /a > /b && echo > /c/d\n",
    );
    context.write("a", "a\n");
    store.build("app", context.path());
    for name in ["locks", "leases", "tmp", "notes", "stat", "cache", "stubs", "logs"] {
        let folder = store.root().join(name);
        let mode = || fs::metadata(&folder).expect("a folder").permissions().mode() & 0o7777;
        let before = mode();
        fs::remove_dir_all(&folder).expect("remove");
        store.build_with("app", context.path(), &["--no-cache"]);
        assert_eq!(mode(), before, "{name}");
        assert_eq!(store.prints("app", &["cat", "/b"]), "a", "{name}");
    }
    // Nothing counts as there that is not.
    fs::remove_dir_all(store.root().join("layers")).expect("remove");
    assert_ne!(store.answer(&["run", "--rm", "app", "true"]).code, Some(0));
    store.build("app", context.path());
    assert_eq!(store.prints("app", &["cat", "/b"]), "a");
    store.ok(&["cache", "verify"]);
}

#[test]
fn nobody_else_may_write_a_store_whatever_the_umask() {
    let context = Context::new(
        "FROM busybox\nCOPY a /a\nRUN --mount=type=cache,target=/c echo > /c/d && stat -c %a / > /m\n",
    );
    context.write("a", "a\n");
    let mut ids = Vec::new();
    for umask in ["000", "077"] {
        let store = Store::new();
        let script = format!("umask {umask} && exec \"$@\"");
        let lap = |words: &[&str]| {
            let lap = store.lap(words);
            let mut shell = Command::new("sh");
            shell.args(["-c", &script, "sh"]).arg(lap.get_program()).args(words);
            shell.envs(lap.get_envs().filter_map(|(name, value)| Some((name, value?))));
            Answer::of(&mut shell).ends_with(0)
        };
        fs::set_permissions(context.path().join("a"), fs::Permissions::from_mode(0o644))
            .expect("a mode");
        lap(&["build", "-q", "-t", "app", &text(context.path())]);
        ids.push(lap(&["run", "--rm", "app", "cat", "/m"]).stdout);
        let root = text(&store.root());
        let open =
            tool("find", &[&root, "-perm", "/022", "!", "-type", "l", "-printf", "%m %P\\n"]);
        let is_content = |line: &&str| !line.contains("/fs") && !line.contains("/data");
        let open: Vec<&str> = open.lines().filter(is_content).collect();
        assert!(open.is_empty(), "with umask {umask}: {open:?}");
    }
    assert_eq!(ids, ["755\n", "755\n"]);
}

#[test]
fn a_store_in_a_place_that_cannot_be_made_names_the_place() {
    let store = Store::new();
    let root = "/proc/no/such/store";
    let answer = Answer::of(store.lap(&["images"]).env("LAPSTRAKE_ROOT", root));
    answer.ends_with(1).says(&[root, "LAPSTRAKE_ROOT"]);
    assert!(!Path::new(root).exists());
}
