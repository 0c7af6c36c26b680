//! Users and groups that the user namespace of an ordinary user does not have.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::rootless::{RANGES, User};
use crate::support::{Answer, Store, registry_address, text, tool};

/// What the kernel says, which explains nothing.
const INVALID: &str = "Invalid argument";

#[track_caller]
fn is_explained(answer: Answer, code: i32, words: &[&str]) {
    let answer = answer.ends_with(code).says(words);
    assert!(!answer.stderr.contains(INVALID), "{}", answer.stderr);
}

/// An archive of what `make` makes as `f`, which belongs to 8:12.
fn archive(context: &Path, name: &str, make: &str) {
    let script = format!("cd $(mktemp -d) && {make} && tar --owner=8 --group=12 -cf \"$0\" f");
    tool("sh", &["-euc", &script, &text(&context.join(name))]);
}

fn build(user: &User, dockerfile: &str) -> Answer {
    let context = user.context(dockerfile);
    for (name, make) in
        [("file.tar", "echo f > f"), ("link.tar", "ln -s x f"), ("folder.tar", "mkdir f")]
    {
        archive(Path::new(&context), name, make);
    }
    let passwd = "root:x:0:0::/:/bin/sh\napp:x:7:0::/:/bin/sh\n";
    for (name, content) in [("passwd", passwd), ("group", "bin:x:1:root\napps:x:9:\n")] {
        fs::write(Path::new(&context).join(name), content).expect("write");
    }
    let secret = format!("id=s,src={context}/a");
    user.lap_behind(&[], &["build", "--secret", &secret, &context])
}

#[test]
fn where_only_root_is_mapped_owners_are_refused_by_name() {
    let user = User::new("");
    for (instructions, at, id) in [
        ("COPY --chown=5:6 a /a", "/a", "user 5"),
        ("COPY --chown=0:6 a /a", "/a", "group 6"),
        ("COPY passwd group /etc/\nCOPY --chown=app a /a", "/a", "user 7"),
        ("COPY passwd group /etc/\nCOPY --chown=root:apps a /a", "/a", "group 9"),
        ("ADD file.tar /x", "/x/f", "user 8"),
        ("ADD link.tar /x", "/x/f", "user 8"),
        ("ADD folder.tar /x", "/x/f", "user 8"),
        ("USER 100\nWORKDIR /w", "/w", "user 100"),
        ("USER 100\nRUN true", "`100`", "user 100"),
        ("USER 0:5\nRUN true", "`0:5`", "group 5"),
        ("COPY passwd /etc/\nUSER app\nRUN true", "`app`", "user 7"),
        ("RUN --mount=type=secret,id=s,uid=5 true", "/run/secrets/s", "user 5"),
        ("RUN --mount=type=cache,target=/c,gid=5 true", "cache", "group 5"),
    ] {
        let id = format!("{id} is not mapped here: only 0 is");
        let words = ["error[unmapped-id]", at, &id, "/etc/subuid", "usermod", "uidmap"];
        is_explained(build(&user, &format!("FROM busybox\n{instructions}\n")), 1, &words);
    }
    let image = format!("{}/owned/{}", registry_address(), std::process::id());
    let context = user.context("FROM busybox\nCOPY --chown=5:6 a /a\n");
    let root = Store::new();
    root.ok(&["build", "-q", "-t", &image, &context]);
    root.ok(&["push", "-q", &image]);
    let answer = build(&user, &format!("FROM {image}\nRUN true\n"));
    let words = ["error[image-unavailable]", "/a", "user 5 is not mapped here", "/etc/subuid"];
    is_explained(answer, 1, &words);
}

/// What takes no other owner is as ever, also where the image says which groups root is in.
#[test]
fn where_only_root_is_mapped_root_does_what_it_can() {
    let user = User::new("");
    let answer = build(&user, "FROM busybox\nCOPY group /etc/\nRUN id -u > /id && chown 0:0 /id\n");
    answer.ends_with(0);
    let answer = build(&user, "FROM busybox\nRUN touch /x && chown 5 /x\n").ends_with(1);
    answer.says(&["error[command-failed]", INVALID, "no id but root's", "unmapped-id"]);
    let answer = build(&user, "FROM busybox\nRUN exit 3\n").ends_with(1);
    assert!(!answer.stderr.contains("no id but root's"), "{}", answer.stderr);
}

#[test]
fn images_and_users_that_are_not_mapped_are_named() {
    let user = User::new("");
    archive(&user.path("home"), "file.tar", "echo f > f");
    let file = text(&user.path("home/file.tar"));
    let words = ["/f", "user 8 is not mapped here: only 0 is", "/etc/subuid"];
    is_explained(user.lap_behind(&[], &["import", &file, "own"]), 1, &words);
    for (who, id) in [("100", "user 100"), ("0:5", "group 5"), ("70000", "user 70000")] {
        let id = format!("{id} is not mapped here: only 0 is");
        let answer = user.lap_behind(&[], &["run", "--rm", "-u", who, "busybox", "true"]);
        is_explained(answer, 125, &[&id, "/etc/subuid"]);
    }
}

#[test]
fn ids_above_those_that_are_mapped_are_named() {
    let user = User::new(RANGES);
    let words =
        ["/a", "user 70000 is not mapped here: only 0-65536 are", "/etc/subuid", "70000 ids"];
    is_explained(build(&user, "FROM busybox\nCOPY --chown=70000 a /a\n"), 1, &words);
    let words = ["`0:70000`", "group 70000 is not mapped here: only 0-65536 are", "/etc/subgid"];
    is_explained(build(&user, "FROM busybox\nUSER 0:70000\nRUN true\n"), 1, &words);
    let run = |who| user.lap_behind(&[], &["run", "--rm", "-u", who, "busybox", "id", "-u"]);
    is_explained(run("70000"), 125, &["user 70000 is not mapped here: only 0-65536 are"]);
    assert_eq!(run("65536:65536").ends_with(0).stdout, "65536\n");
}

/// What is wrong is named, and not something else.
#[test]
fn why_ids_cannot_be_mapped_is_said() {
    let user = User::new(RANGES);
    let see = ["run", "--rm", "busybox", "cat", "/proc/self/uid_map"];
    let answer = user.lap_behind(&["setpriv", "--no-new-privs"], &see).ends_with(0);
    let map: Vec<&str> = answer.stdout.split_whitespace().collect();
    assert_eq!(map, ["0", "4242", "1"]);
    answer.says(&["no_new_privs", "setpriv", "allowPrivilegeEscalation"]);
    // As with cap_drop of a container.
    let inner = user.command_behind(&[], &see);
    let mut dropping = Command::new(inner.get_program());
    for word in inner.get_args() {
        dropping.arg(word);
        if word == "setpriv" {
            dropping.arg("--bounding-set=-setuid");
        }
    }
    dropping.env_clear().current_dir("/");
    dropping.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let answer = Answer::of(&mut dropping).ends_with(0);
    let map: Vec<&str> = answer.stdout.split_whitespace().collect();
    assert_eq!(map, ["0", "4242", "1"]);
    answer.says(&["no cap_setuid", "cap_drop"]);
    // The kernel maps no id twice, and the user's own is mapped already.
    let user = User::new("lap-user:300000:10\nlap-user:300000:10\nlap-user:4240:5\n");
    let answer = user.lap_behind(&[], &see).ends_with(0);
    let map: Vec<&str> = answer.stdout.split_whitespace().collect();
    assert_eq!(map.join(" "), "0 4242 1 1 300000 10 11 4240 2 13 4243 2");
    // A range that is set aside for somebody else is not offered.
    let user = User::new("other:100000:65536\n");
    let range = "usermod --add-subuids 165536-231071 --add-subgids 165536-231071 lap-user";
    user.lap_behind(&[], &["images"]).ends_with(0).says(&["/etc/subuid", range]);
    // As after newgrp.
    let user = User::new(RANGES);
    let passwd = user.path("etc/passwd");
    let known = fs::read_to_string(&passwd).expect("read");
    fs::write(passwd, known.replace("4242:4242", "4242:4243")).expect("write");
    let answer = user.lap_behind(&[], &["images"]).ends_with(1);
    answer.says(&["newuidmap: ", "the user, 4243, in place of 4242", "newgrp"]);
}

/// However many there may be, a command succeeds or says what it lacks; it does not wait for ever.
#[test]
fn a_limit_of_processes_is_said() {
    let user = User::new(RANGES);
    user.ok(&["pull", "-q", "busybox"]);
    let context = user.context("FROM busybox\nCOPY a /a\nRUN id\nRUN id -u\n");
    let build = ["build", "-q", "--no-cache", &context];
    let run = ["run", "--rm", "busybox", "true"];
    let mut failed = 0;
    for limit in 1..=20 {
        let limit = format!("--nproc={limit}");
        for (words, code) in [(&build[..], 1), (&run[..], 125)] {
            let starter = ["timeout", "-s", "KILL", "60", "prlimit", &limit];
            let answer = user.lap_behind(&starter, words);
            if answer.code != Some(0) {
                failed += 1;
                answer.ends_with(code).says(&["ulimit -u", "pids.max"]);
            }
        }
    }
    assert!(failed > 1, "nothing was limited");
}
