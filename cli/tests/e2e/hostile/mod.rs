//! Images, contexts and names made to do harm, as root and as an ordinary user. docs/security.md says
//! which class of attack is shown where.
//!
//! Beside each store lies a canary: a tree that nothing may change, and whose content may be nowhere
//! else when a test ends.

mod context;
mod image;
mod mount;
mod name;
mod sandbox;
mod screen;
mod store;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::rootless::{RANGES, UID, User};
use crate::support::{Answer, Store, testdata, text, tool};

/// The content of the canary's files, which is in no other file.
const CONTENT: &str = "lap-c4n4ry-0123456789abcdef-c0nt3nt";

/// What attacks call the files that they try to make outside.
const ESCAPE: &str = "lap-escape";

/// Who runs `lap`.
enum Side {
    Root(Store),
    User(User),
}

/// One side's store, canary, and place for contexts and archives.
struct Ground {
    side: Side,
    before: Vec<String>,
}

/// Does the same as root and as an ordinary user, and compares the canary after each.
fn on_both_sides(attack: impl Fn(&Ground)) {
    for side in [Side::Root(Store::new()), Side::User(User::new(RANGES))] {
        let ground = Ground::new(side);
        attack(&ground);
        ground.is_unharmed();
    }
}

impl Ground {
    fn new(side: Side) -> Self {
        let mut ground = Self { side, before: Vec::new() };
        let canary = ground.canary();
        fs::create_dir_all(canary.join("folder")).expect("make the canary");
        for (name, mode) in [("victim", 0o644), ("folder/in", 0o600), ("program", 0o4755)] {
            fs::write(canary.join(name), CONTENT).expect("write the canary");
            fs::set_permissions(canary.join(name), fs::Permissions::from_mode(mode))
                .expect("set a mode");
        }
        symlink("victim", canary.join("link")).expect("make a link");
        ground.give_away(&canary);
        ground.before = listing(&canary);
        ground
    }

    fn is_root(&self) -> bool {
        matches!(self.side, Side::Root(_))
    }

    /// A place that `lap` may write to.
    fn path(&self, name: &str) -> PathBuf {
        match &self.side {
            Side::Root(store) => store.beside(name),
            Side::User(user) => user.path("home").join(name),
        }
    }

    fn canary(&self) -> PathBuf {
        self.path("canary")
    }

    /// To whoever runs `lap`.
    fn give_away(&self, path: &Path) {
        if !self.is_root() {
            tool("chown", &["-Rh", &format!("{UID}:{UID}"), &text(path)]);
        }
    }

    fn lap(&self, arguments: &[&str]) -> Answer {
        self.lap_behind(&[], arguments)
    }

    /// `lap` started by another program.
    fn lap_behind(&self, starter: &[&str], arguments: &[&str]) -> Answer {
        match &self.side {
            Side::Root(store) => store.answer_behind(starter, arguments),
            Side::User(user) => user.lap_behind(starter, arguments),
        }
    }

    fn prints(&self, image: &str, command: &[&str]) -> String {
        let answer = self.lap(&[&["run", "--rm", image], command].concat());
        answer.ends_with(0).stdout.trim_end().to_owned()
    }

    /// A context with this Dockerfile and a file `a`; what `fill` puts there belongs to who builds.
    fn context(&self, dockerfile: &str, fill: impl Fn(&Path)) -> PathBuf {
        let folder = self.path("context");
        drop(fs::remove_dir_all(&folder));
        fs::create_dir(&folder).expect("make a context");
        fs::write(folder.join("Dockerfile"), dockerfile).expect("write a Dockerfile");
        fs::write(folder.join("a"), "one\n").expect("write a file");
        fill(&folder);
        self.give_away(&folder);
        folder
    }

    fn build(&self, tag: &str, dockerfile: &str, flags: &[&str]) -> Answer {
        self.build_from(tag, &self.context(dockerfile, |_| ()), flags)
    }

    fn build_from(&self, tag: &str, context: &Path, flags: &[&str]) -> Answer {
        let fixed = ["build", "--progress", "plain", "-t", tag];
        self.lap(&[&fixed[..], flags, &[text(context).as_str()]].concat())
    }

    /// Replaces `{canary}` and `{up}`, which leads to the root of all.
    fn meant(&self, words: &str) -> String {
        words.replace("{up}", &"../".repeat(30)).replace("{canary}", &text(&self.canary()))
    }

    /// Loads an image of these layers, as `testdata/e2e/hostile/image.py` reads them.
    fn load(&self, name: &str, layers: &str) -> Answer {
        let archive = self.path("image.tar");
        write_archive(&[name, &text(&archive)], &self.meant(layers));
        self.give_away(&archive);
        self.lap(&["load", "-i", &text(&archive)])
    }

    #[track_caller]
    fn is_unharmed(&self) {
        assert_eq!(listing(&self.canary()), self.before, "the canary changed");
        let found = holding(&self.path("."), &self.canary());
        assert_eq!(found, [""; 0], "the canary's content is elsewhere");
        for folder in [Path::new("/"), Path::new("/tmp"), Path::new("/etc"), &self.path(".")] {
            assert!(!folder.join(ESCAPE).exists(), "{} got out", folder.join(ESCAPE).display());
        }
    }
}

fn write_archive(arguments: &[&str], layers: &str) {
    let mut command = Command::new("python3");
    command.arg(testdata("hostile").join("image.py")).args(arguments).stdin(Stdio::piped());
    let mut child = command.spawn().expect("python3 is missing: apt-get install -y python3");
    let mut input = child.stdin.take().expect("its input");
    input.write_all(layers.as_bytes()).expect("tell it the layers");
    drop(input);
    assert!(child.wait().expect("wait for python3").success(), "{layers}");
}

/// All that there is to see of a tree, its times of change included.
fn listing(folder: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for path in below(folder) {
        let found = fs::symlink_metadata(&path).expect("look at a file");
        let content = match found.file_type() {
            kind if kind.is_symlink() => text(&fs::read_link(&path).expect("read a link")),
            kind if kind.is_file() => fs::read_to_string(&path).expect("read a file"),
            _ => String::new(),
        };
        lines.push(format!(
            "{} {:o} {}:{} {} {} {}.{} {}.{} {content}",
            path.display(),
            found.mode(),
            found.uid(),
            found.gid(),
            found.ino(),
            found.nlink(),
            found.mtime(),
            found.mtime_nsec(),
            found.ctime(),
            found.ctime_nsec(),
        ));
    }
    lines.sort();
    lines
}

/// Files below a folder that hold the canary's content, but for the canary's own.
fn holding(folder: &Path, canary: &Path) -> Vec<String> {
    let canary = canary.canonicalize().expect("the canary");
    let folder = folder.canonicalize().expect("a folder");
    let files = below(&folder).into_iter().filter(|path| !path.starts_with(&canary));
    let holds = |path: &PathBuf| {
        let is_file = fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
        let content = if is_file { fs::read(path).unwrap_or_default() } else { Vec::new() };
        content.windows(CONTENT.len()).any(|part| part == CONTENT.as_bytes())
    };
    files.filter(holds).map(|path| text(&path)).collect()
}

/// The folder and all below it; links are not followed.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    for entry in fs::read_dir(folder).expect("list a folder") {
        let entry = entry.expect("an entry");
        match entry.file_type().expect("its type").is_dir() {
            true => found.extend(below(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found
}
