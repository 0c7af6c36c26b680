//! A command on a terminal of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure here is a failed test")]

mod ground;

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::symlink;

use ground::Ground;
use lapstrake_executor::{Cancel, SandboxSpec, Status, Stdio, TerminalSize, start};

/// Runs on a terminal, types a text, returns what it shows.
fn converse(spec: &mut SandboxSpec, typed: &str) -> (Status, String) {
    spec.terminal = Some(TerminalSize { rows: 33, columns: 101 });
    let sandbox = start(spec, Stdio::Inherited).unwrap();
    let terminal = sandbox.terminal().unwrap().try_clone_to_owned().unwrap();
    let mut terminal = File::from(terminal);
    terminal.write_all(typed.as_bytes()).unwrap();
    let reader = std::thread::spawn(move || {
        let mut shown = Vec::new();
        // Reading fails with EIO when the last process that has it open has ended.
        let _ = terminal.read_to_end(&mut shown);
        String::from_utf8_lossy(&shown).replace('\r', "")
    });
    let status = sandbox.wait(&Cancel::new().unwrap(), &mut |_| {}).unwrap();
    (status, reader.join().unwrap())
}

#[test]
fn the_command_has_a_controlling_terminal() {
    let ground = Ground::busybox();
    let mut spec = ground.script(
        "tty; stat -c '%F %t:%T' /dev/console; awk '{ print $7 != 0, $5, $6 }' /proc/1/stat; exit 3",
    );
    let (status, shown) = converse(&mut spec, "");
    assert_eq!(status, Status::Exited(3), "{shown}");
    assert_eq!(shown, "/dev/pts/0\ncharacter special file 88:0\n1 1 1\n");
}

#[test]
fn the_terminal_has_its_size_before_the_command_starts() {
    let ground = Ground::busybox();
    let (status, shown) = converse(&mut ground.script("stty size"), "");
    assert_eq!((status, shown.as_str()), (Status::Exited(0), "33 101\n"));
}

#[test]
fn what_is_typed_arrives() {
    let ground = Ground::busybox();
    let mut spec = ground.script("read line; echo got $line > /dev/tty; tty; ls -1 /proc/self/fd");
    let (status, shown) = converse(&mut spec, "word\n");
    assert_eq!(status, Status::Exited(0), "{shown}");
    assert_eq!(shown, "word\ngot word\n/dev/pts/0\n0\n1\n2\n3\n");
}

#[test]
fn an_image_cannot_redirect_the_console() {
    let ground = Ground::busybox();
    let victim = ground.folder.path().join("victim");
    std::fs::write(&victim, "untouched").unwrap();
    symlink(&victim, ground.base().join("dev/console")).unwrap();
    let mut spec = ground.script("stat -c '%F' /dev/console; echo x > /dev/console");
    let (status, shown) = converse(&mut spec, "");
    assert_eq!((status, shown.as_str()), (Status::Exited(0), "character special file\nx\n"));
    assert_eq!(std::fs::read(&victim).unwrap(), b"untouched");
}

#[test]
fn a_user_owns_its_terminal() {
    let ground = Ground::busybox();
    let mut spec = ground.script("echo x > /dev/tty; stat -c %u:%g $(tty); echo y > /dev/stdout");
    spec.user = "1000:1000".to_owned();
    let (status, shown) = converse(&mut spec, "");
    assert_eq!((status, shown.as_str()), (Status::Exited(0), "x\n1000:5\ny\n"));
}

#[test]
fn given_descriptors_are_used() {
    let ground = Ground::busybox();
    let file = |name: &str| {
        let path = ground.folder.path().join(name);
        File::options().read(true).write(true).create(true).truncate(false).open(path).unwrap()
    };
    let mut input = file("in");
    input.write_all(b"one\ntwo\n").unwrap();
    let stdio = Stdio::Given {
        stdin: file("in").into(),
        stdout: file("out").into(),
        stderr: file("err").into(),
    };
    let sandbox = start(&ground.script("cat; echo problem >&2"), stdio).unwrap();
    assert!(sandbox.terminal().is_none());
    assert!(sandbox.pid() > 1);
    let _ = sandbox.pidfd().as_fd();
    let status = sandbox.wait(&Cancel::new().unwrap(), &mut |_| panic!("no output")).unwrap();
    assert_eq!(status, Status::Exited(0));
    let read = |name: &str| std::fs::read_to_string(ground.folder.path().join(name)).unwrap();
    assert_eq!((read("out").as_str(), read("err").as_str()), ("one\ntwo\n", "problem\n"));
}
