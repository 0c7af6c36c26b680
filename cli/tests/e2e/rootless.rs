//! Everything once more as an ordinary user: in a mount namespace in which `/etc` knows one.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::{Answer, Store, prepared, registry_address, text, tool};

pub(crate) const UID: u32 = 4242;

/// Lays `$1` over `/etc` and goes on with the other words.
const BECOME: &str = "mount -t overlay overlay -o lowerdir=\"$1\":/etc /etc; shift; exec \"$@\"";

/// A user with a home, who may read and execute what a test needs.
pub(crate) struct User {
    folder: TempDir,
    is_root: bool,
}

impl User {
    /// `ids` is what is set aside for the user: lines of subuid(5).
    pub(crate) fn new(ids: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder that others may enter");
        let user = Self { folder, is_root: false };
        open_to_all(user.folder.path());
        for name in ["etc", "home"] {
            fs::create_dir(user.path(name)).expect("make a folder");
            open_to_all(&user.path(name));
        }
        chown(user.path("home"), Some(UID), Some(UID)).expect("give it away");
        let passwd = fs::read_to_string("/etc/passwd").expect("the users");
        let me = format!("{passwd}lap-user:x:{UID}:{UID}::{}:/bin/sh\n", text(&user.path("home")));
        for (name, content) in [("passwd", me.as_str()), ("subuid", ids), ("subgid", ids)] {
            fs::write(user.path("etc").join(name), content).expect("write");
        }
        fs::copy(env!("CARGO_BIN_EXE_lap"), user.path("lap")).expect("copy lap");
        fs::copy(prepared("LAPSTRAKE_CONFIG"), user.path("config.toml")).expect("copy");
        user
    }

    /// Root, with such a home and the store in it.
    pub(crate) fn root() -> Self {
        Self { is_root: true, ..Self::new("") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A context that the user may read.
    pub(crate) fn context(&self, dockerfile: &str) -> String {
        let folder = self.path("context");
        fs::create_dir_all(&folder).expect("make the context");
        fs::write(folder.join("Dockerfile"), dockerfile).expect("write");
        fs::write(folder.join("a"), "one\n").expect("write");
        open_to_all(&folder);
        text(&folder)
    }

    fn lap(&self, arguments: &[&str]) -> Answer {
        self.lap_behind(&[], arguments)
    }

    /// `lap` started by another program.
    pub(crate) fn lap_behind(&self, starter: &[&str], arguments: &[&str]) -> Answer {
        Answer::of(&mut self.command_behind(starter, arguments))
    }

    pub(crate) fn command_behind(&self, starter: &[&str], arguments: &[&str]) -> Command {
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-euc", BECOME, "sh", &text(&self.path("etc"))]);
        if !self.is_root {
            command.args(["setpriv", "--reuid", "4242", "--regid", "4242", "--clear-groups"]);
        }
        command.args(starter).arg(self.path("lap")).args(arguments).env_clear().current_dir("/");
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", self.path("home"));
        command.env("LAPSTRAKE_CONFIG", self.path("config.toml"));
        if self.is_root {
            command.env("LAPSTRAKE_ROOT", self.path("home/.local/share/lapstrake"));
        }
        command
    }

    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        self.lap(arguments).ends_with(0).stdout.trim_end().to_owned()
    }
}

/// A user's command, started by another program.
pub(crate) fn started_by(starter: &[&str], inner: &Command) -> Command {
    let (program, words) = starter.split_first().expect("a program");
    let mut command = Command::new(program);
    command.args(words).arg(inner.get_program()).args(inner.get_args());
    command.env_clear().current_dir("/");
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

fn open_to_all(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("open a folder");
}

pub(crate) const RANGES: &str = "lap-user:300000:65536\n";

/// Owners, whiteouts, an emptied folder, every instruction that writes.
const DOCKERFILE: &str = "FROM busybox\n\
     RUN echo a > /a && chown 5:6 /a && rm /bin/vi && rm -r /tmp && mkdir -m 1777 /tmp\n\
     WORKDIR /w\nCOPY --chown=1000:65534 a b/\nADD --link a /linked\n\
     USER 1000:50\nRUN id -u > /tmp/id && ls -ln /a /w/b/a > /tmp/list\n";

#[test]
fn a_user_builds_the_image_that_root_builds() {
    let user = User::new(RANGES);
    let context = user.context(DOCKERFILE);
    let flags = ["--build-arg", "SOURCE_DATE_EPOCH=1700000000", "-o"];
    let metadata = [user.path("home/metadata.json"), user.path("metadata.json")];
    let [mine, roots] = metadata.each_ref().map(|path| text(path));
    let build = |tag, metadata| {
        let rest = ["type=image,rewrite-timestamp=true", "--metadata-file", metadata, &context];
        [&["build", "-q", "-t", tag], &flags[..], &rest].concat()
    };
    let id = user.ok(&build("mine", &mine));
    assert_eq!(id, Store::new().ok(&build("roots", &roots)));
    // What it says of names is not the same; the digest of the manifest is.
    let [mine_says, roots_say] = metadata.map(|path| fs::read_to_string(path).expect("read"));
    let digest = |text: &str| {
        let json: serde_json::Value = serde_json::from_str(text).expect("JSON");
        json["containerimage.digest"].as_str().expect("a digest").to_owned()
    };
    assert_eq!(digest(&mine_says), digest(&roots_say));
    assert_eq!(user.ok(&build("again", &mine)), id);
    let shown = user.ok(&["run", "--rm", "mine", "cat", "/tmp/id", "/tmp/list"]);
    let words: Vec<Vec<&str>> =
        shown.lines().map(|line| line.split_whitespace().take(4).collect()).collect();
    assert_eq!(words[0], ["1000"]);
    assert_eq!(words[1][2..], ["5", "6"]);
    assert_eq!(words[2][2..], ["1000", "65534"]);
    let map = user.ok(&["run", "--rm", "busybox", "cat", "/proc/self/uid_map"]);
    let map: Vec<&str> = map.split_whitespace().collect();
    assert_eq!(map, ["0", "4242", "1", "1", "300000", "65536"]);
}

#[test]
fn a_users_containers_have_volumes_mounts_and_networks() {
    let user = User::new(RANGES);
    let context = user.context(
        "FROM busybox\nRUN --network=none ip -o addr | wc -l > /n\n\
         RUN --mount=type=cache,target=/c --mount=type=tmpfs,target=/t \
         --mount=type=bind,target=/b --mount=type=secret,id=s,env=S \
         echo x > /c/x && echo y > /t/y && cat /b/a && test \"$S\" = hush && echo all > /n2\n",
    );
    let secret = user.path("secret");
    fs::write(&secret, "hush").expect("write");
    let secret = format!("id=s,src={}", text(&secret));
    user.ok(&["build", "-q", "-t", "mounts", "--secret", &secret, &context]);
    assert_eq!(user.ok(&["run", "--rm", "mounts", "cat", "/n", "/n2"]), "2\nall");
    let volume = format!("{}:/v", text(&user.path("home")));
    user.ok(&["run", "--rm", "-v", &volume, "busybox", "touch", "/v/made"]);
    let made = fs::metadata(user.path("home/made")).expect("the file");
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&made), UID);
    let links = user.ok(&["run", "--rm", "--network", "none", "busybox", "ip", "-o", "link"]);
    assert_eq!(links.lines().count(), 1, "{links}");
    // A folder of root's, which the user may not change.
    let volume = format!("{}:/v", text(user.folder.path()));
    let write = ["run", "--rm", "-v", &volume, "busybox", "touch", "/v/made"];
    user.lap(&write).ends_with(1).says(&["denied"]);
}

#[test]
fn a_user_without_ids_has_one() {
    let user = User::new("");
    let context = user.context("FROM busybox\nRUN echo a > /a && rm /bin/vi\nCOPY a /b\n");
    let answer = user.lap(&["build", "-q", "-t", "one", &context]).ends_with(0);
    answer.says(&["/etc/subuid"]);
    assert_eq!(user.ok(&["run", "--rm", "one", "cat", "/a", "/b"]), "a\none");
    let context = user.context("FROM busybox\nCOPY --chown=5 a /b\n");
    let answer = user.lap(&["build", &context]).ends_with(1);
    answer.says(&["/b", "user 5 is not mapped here: only 0 is", "/etc/subuid"]);
}

/// The warning names what is missing.
#[test]
fn a_user_without_the_program_that_maps_ids_has_one() {
    let user = User::new(RANGES);
    let starter = ["env", "PATH=/nowhere"];
    let answer =
        user.lap_behind(&starter, &["run", "--rm", "busybox", "cat", "/proc/self/uid_map"]);
    let answer = answer.ends_with(0).says(&["newuidmap"]);
    assert!(!answer.stderr.contains("subuid"), "{}", answer.stderr);
    let map: Vec<&str> = answer.stdout.split_whitespace().collect();
    assert_eq!(map, ["0", "4242", "1"]);
}

/// What shadow-utils loads for `subid: lap` of nsswitch.conf(5), after its subid.h: it has ids for one user.
const SUBID_MODULE: &str = r#"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#define USER "lap-user"
struct subid_range { unsigned long start, count; };
int shadow_subid_has_range(const char *owner, unsigned long start, unsigned long count, int type,
                           bool *result) {
  *result = !strcmp(owner, USER) && start >= 500000 && start + count <= 565536;
  return 0;
}
int shadow_subid_list_owner_ranges(const char *owner, int type, struct subid_range **ranges, int *count) {
  *count = !strcmp(owner, USER);
  *ranges = malloc(sizeof **ranges);
  **ranges = (struct subid_range){500000, 65536};
  return 0;
}
int shadow_subid_find_subid_owners(unsigned long id, int type, unsigned **uids, int *count) {
  *count = 0;
  return 0;
}
"#;

/// Where newuidmap and getsubids find it, though they are setuid and take no search path.
const WITH_MODULE: &str = "libraries=$(dirname \"$(ldconfig -p | sed -n 's/.* => //p' | grep '/libc.so.6$' | head -n 1)\")
    mount -t overlay overlay -o lowerdir=\"$0:$libraries\" \"$libraries\"
    exec \"$@\"";

#[test]
fn ids_that_a_directory_service_sets_aside_count() {
    let maps = |ids: &str| format!("0 {UID} 1 1 {ids} 65536 ").repeat(2);
    // The files, also where a module is named that is not there.
    for (name, ids) in [("lap", "500000"), ("files", "300000"), ("none", "300000")] {
        let user = User::new(RANGES);
        let [source, libraries] = ["module.c", "libraries"].map(|name| user.path(name));
        fs::create_dir(&libraries).expect("make a folder");
        open_to_all(&libraries);
        fs::write(&source, SUBID_MODULE).expect("write");
        let module = libraries.join("libsubid_lap.so");
        tool("cc", &["-shared", "-fPIC", "-o", &text(&module), &text(&source)]);
        let known = fs::read_to_string("/etc/nsswitch.conf").expect("read");
        let nsswitch = format!("{known}\nsubid: {name}\n");
        fs::write(user.path("etc/nsswitch.conf"), nsswitch).expect("write");
        let map = ["run", "--rm", "busybox", "cat", "/proc/self/uid_map", "/proc/self/gid_map"];
        let starter = ["unshare", "-m", "sh", "-euc", WITH_MODULE, &text(&libraries)];
        let mut command = started_by(&starter, &user.command_behind(&[], &map));
        let answer = Answer::of(&mut command).ends_with(0);
        let words = answer.stdout.split_whitespace().map(|word| format!("{word} "));
        assert_eq!(words.collect::<String>(), maps(ids), "{name}");
    }
}

/// As shells and execvp(3) do, what runs without PATH finds programs where they usually are.
#[test]
fn a_user_without_a_search_path_has_the_same_ids() {
    let user = User::new(RANGES);
    let map = ["run", "--rm", "busybox", "cat", "/proc/self/uid_map"];
    user.ok(&["pull", "busybox"]);
    let expected = user.lap(&map).ends_with(0);
    let answer = user.lap_behind(&["env", "-u", "PATH"], &map).ends_with(0);
    assert_eq!(answer.stdout, expected.stdout);
    assert_eq!(answer.stderr, expected.stderr);
}

/// As one of a directory service, whom `/etc/passwd` does not have and getent(1) does.
#[test]
fn a_user_is_known_as_the_machine_knows_it() {
    let user = User::new(RANGES);
    let passwd = user.path("etc/passwd");
    let known = fs::read_to_string(&passwd).expect("read");
    let (others, line): (Vec<_>, Vec<_>) =
        known.lines().partition(|line| !line.starts_with("lap-user:"));
    fs::write(passwd, others.join("\n") + "\n").expect("write");
    let programs = user.path("programs");
    fs::create_dir(&programs).expect("make a folder");
    open_to_all(&programs);
    let path = format!("PATH={}", text(&programs));
    // Without newuidmap, which has to know the user as well.
    let see = || user.lap_behind(&["env", &path], &["images"]).ends_with(0);
    see().says(&["no ids are set aside for 4242 "]);
    let script = format!("#!/bin/sh\n[ \"$*\" = \"passwd 4242\" ] && echo '{}'\n", line.concat());
    fs::write(programs.join("getent"), script).expect("write");
    open_to_all(&programs.join("getent"));
    see().says(&["newuidmap is not installed"]);
}

/// What a container leaves behind can be removed without root.
#[test]
fn a_users_store_can_be_emptied() {
    let user = User::new(RANGES);
    let context =
        user.context("FROM busybox\nRUN mkdir -m 700 /d && touch /d/x && chown -R 7 /d\n");
    user.ok(&["build", "-q", "-t", "gone", &context]);
    user.ok(&["rmi", "gone"]);
    let left = user.ok(&["images", "-q"]);
    assert_eq!(left.lines().count(), 1, "only the base: {left}");
}

/// Root on a user's store would follow where the user leads, and leave files there that are not the user's.
#[test]
fn root_is_refused_a_users_store() {
    let user = User::new(RANGES);
    user.ok(&["pull", "-q", "busybox"]);
    let (store, canary) = (user.path("home/.local/share/lapstrake"), user.path("canary"));
    fs::create_dir_all(canary.join("folder")).expect("make the canary");
    fs::remove_dir_all(store.join("tmp")).expect("remove tmp");
    std::os::unix::fs::symlink(&canary, store.join("tmp")).expect("link");
    let root = text(&store);
    let context = user.context("FROM busybox\n");
    for arguments in
        [&["images"][..], &["build", &context], &["cache", "prune"], &["build", "logs"]]
    {
        let mut lap = Command::new(env!("CARGO_BIN_EXE_lap"));
        let answer = Answer::of(lap.args(arguments).env("LAPSTRAKE_ROOT", &store));
        answer.ends_with(1).says(&[&root, "another user, uid 4242", "sudo", "--root"]);
    }
    assert!(canary.join("folder").is_dir());
    // Neither is the user led elsewhere.
    let answer = user.lap(&["images"]).ends_with(1);
    answer.says(&[&text(&store.join("tmp")), "symbolic link", "remove the link"]);
    fs::remove_file(store.join("tmp")).expect("remove the link");
    assert!(user.ok(&["images", "-q"]).lines().count() == 1);
}

/// Files keep their ids outside, so under another map they would belong to others.
#[test]
fn a_store_is_refused_when_its_ids_mean_something_else() {
    let user = User::new("");
    let set = |ids: &str| {
        for name in ["subuid", "subgid"] {
            fs::write(user.path("etc").join(name), ids).expect("write");
        }
    };
    user.ok(&["pull", "-q", "busybox"]);
    // More ids than before are fine.
    set(RANGES);
    let context = user.context("FROM busybox\nCOPY --chown=5:6 a /a\n");
    user.ok(&["build", "-q", "-t", "owned", &context]);
    let see = ["run", "--rm", "owned", "stat", "-c", "%u:%g", "/a"];
    assert_eq!(user.ok(&see), "5:6");
    let is_refused = |answer: Answer, code: i32, now: &str| {
        let remedy = ["/etc/subuid", "newuidmap", "--root"];
        answer
            .ends_with(code)
            .says(&remedy)
            .says(&[&format!("4242, 300000-365535, who has {now} now")]);
    };
    for (ids, now) in [
        ("lap-user:400000:65536\n", "4242, 400000-465535"),
        ("lap-user:300010:65536\n", "4242, 300010-365545"),
        ("lap-user:300000:1000\n", "4242, 300000-300999"),
        ("", "4242"),
    ] {
        set(ids);
        is_refused(user.lap(&see), 125, now);
        is_refused(user.lap(&["images"]), 1, now);
    }
    set(&format!("{RANGES}lap-user:500000:65536\n"));
    assert_eq!(user.ok(&see), "5:6");
    set(RANGES);
    let answer = user.lap(&see).ends_with(125);
    answer.says(&["500000-565535, who has 4242, 300000-365535 now"]);
}

/// Layers of one user's cache are those of another's, and of root's, owners and deletions included.
#[test]
fn caches_are_shared_by_users_and_root() {
    let dockerfile = "FROM busybox\nCOPY --chown=7:8 a /a\n\
                      RUN rm -r /home && mkdir /home && rm /etc/group && chown 11:12 /etc/passwd \\\n\
                       && cat /proc/sys/kernel/random/uuid > /id\n";
    let cache = format!("{}/cache/user-{}", registry_address(), std::process::id());
    let to = format!("type=registry,ref={cache}");
    let (one, two, root) = (User::new(RANGES), User::new(RANGES), Store::new());
    let build = |user: &User, flag: &str, cache: &str| {
        let context = user.context(dockerfile);
        let fixed = ["build", "--progress", "plain", "-t", "app"];
        user.lap(&[&fixed[..], &[flag, cache, &context]].concat()).ends_with(0)
    };
    let see = ["run", "--rm", "app", "sh", "-c", "cat /id; stat -c '%n %u %g' /a /etc/*; ls /home"];
    build(&one, "--cache-to", &to);
    let seen = one.lap(&see).ends_with(0).stdout;
    let answer = build(&two, "--cache-from", &cache);
    assert_eq!(answer.stderr.matches("CACHED").count(), 2, "{}", answer.stderr);
    assert_eq!(two.lap(&see).ends_with(0).stdout, seen);
    let context = PathBuf::from(one.context(dockerfile));
    let answer = root.build_with("app", &context, &["--cache-from", &cache]);
    assert_eq!(answer.stderr.matches("CACHED").count(), 2, "{}", answer.stderr);
    assert_eq!(root.answer(&see).ends_with(0).stdout, seen);
}
