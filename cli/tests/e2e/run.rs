//! `lap run`: how the command is put together, how it ends, what it is connected to.

use std::io::Write;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{
    Answer, Background, Context, Store, processes_with, registry_address, text, unusual_sleep,
    wait_for,
};

fn with_busybox() -> Store {
    let store = Store::new();
    store.ok(&["pull", "busybox"]);
    store
}

#[test]
fn the_exit_status_is_that_of_the_process() {
    let store = with_busybox();
    for status in [0, 1, 37, 255] {
        store
            .answer(&["run", "--rm", "busybox", "sh", "-c", &format!("exit {status}")])
            .ends_with(status);
    }
}

#[test]
fn faults_of_our_own_are_told_from_those_of_the_process() {
    let store = with_busybox();
    store
        .answer(&["run", "--rm", "busybox", "no-such-program"])
        .ends_with(127)
        .says(&["no-such-program"]);
    store.answer(&["run", "--rm", "busybox", "/no/such/program"]).ends_with(127);
    store.answer(&["run", "--rm", "busybox", "/etc/passwd"]).ends_with(126).says(&["/etc/passwd"]);
    store.answer(&["run", "--rm", "busybox", "/etc"]).ends_with(126);
    store.answer(&["run", "--rm", "no-such-image", "true"]).ends_with(125).says(&["no-such-image"]);
    store
        .answer(&["run", "--no-such-flag", "busybox", "true"])
        .ends_with(125)
        .says(&["--no-such-flag"]);
    store
        .answer(&["run", "--rm", "-u", "ghost", "busybox", "true"])
        .ends_with(125)
        .says(&["ghost"]);
}

#[test]
fn a_killed_process_gives_128_and_the_signal() {
    let store = with_busybox();
    let seconds = unusual_sleep();
    let container = store.background(&["run", "--rm", "busybox", "sleep", &seconds]);
    let process = wait_for("the process", || sleeping(&seconds));
    kill(Pid::from_raw(process), Signal::SIGKILL).expect("kill the process");
    container.answer().ends_with(137);
}

/// The process in the container, which has the number as its last word and is not `lap` itself.
fn sleeping(seconds: &str) -> Option<i32> {
    processes_with(seconds).into_iter().find(|id| {
        let line = std::fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
        line == format!("sleep\0{seconds}\0")
    })
}

#[test]
fn signals_reach_the_process() {
    let store = with_busybox();
    let ready = store.beside("ready");
    std::fs::create_dir(&ready).expect("create a folder");
    let volume = format!("{}:/ready", ready.display());
    let script = "trap 'exit 7' TERM; touch /ready/yes; while :; do sleep 0.05; done";
    let container =
        store.background(&["run", "--rm", "-v", &volume, "busybox", "sh", "-c", script]);
    wait_for("the trap", || ready.join("yes").exists().then_some(()));
    container.signal(Signal::SIGTERM);
    container.answer().ends_with(7);
}

#[test]
fn a_container_that_is_stopped_leaves_nothing() {
    let store = with_busybox();
    let seconds = unusual_sleep();
    let container = store.background(&[
        "run",
        "--rm",
        "busybox",
        "sh",
        "-c",
        &format!("sleep {seconds} & wait"),
    ]);
    wait_for("the process", || sleeping(&seconds));
    container.signal(Signal::SIGKILL);
    let _ = container.answer();
    wait_for("the processes to end", || processes_with(&seconds).is_empty().then_some(()));
}

#[test]
fn command_and_entrypoint_are_put_together_as_docker_does() {
    let context =
        Context::new("FROM busybox\nENTRYPOINT [\"echo\", \"fixed\"]\nCMD [\"default\"]\n");
    let store = Store::new();
    store.build("parts", context.path());
    assert_eq!(store.prints("parts", &[]), "fixed default");
    assert_eq!(store.prints("parts", &["own", "words"]), "fixed own words");
    assert_eq!(
        store.ok(&["run", "--rm", "--entrypoint", "printf", "parts", "%s-", "a", "b"]),
        "a-b-"
    );
    assert_eq!(store.ok(&["run", "--rm", "--entrypoint", "echo", "parts"]), "");
}

#[test]
fn environment_folder_and_user_come_from_image_and_flags() {
    let context = Context::new(
        "FROM busybox\nENV A=image B=image\nWORKDIR /from/image\nUSER nobody\nCMD echo $A $B $PWD $(id -u)\n",
    );
    let store = Store::new();
    store.build("settings", context.path());
    assert_eq!(store.prints("settings", &[]), "image image /from/image 65534");
    let flags = ["run", "--rm", "-e", "A=flag", "-w", "/tmp", "-u", "7:8", "settings"];
    assert_eq!(store.ok(&flags), "flag image /tmp 7");
    assert_eq!(store.ok(&["run", "--rm", "-u", "7:8", "settings", "id", "-g"]), "8");

    let mut inherited =
        store.lap(&["run", "--rm", "-e", "FROM_HOST", "settings", "sh", "-c", "echo $FROM_HOST"]);
    let answer = Answer::of(inherited.env("FROM_HOST", "seen")).ends_with(0);
    assert_eq!(answer.stdout, "seen\n");
}

#[test]
fn nothing_of_the_callers_environment_comes_along() {
    let store = with_busybox();
    let mut run = store.lap(&["run", "--rm", "busybox", "env"]);
    let answer = Answer::of(run.env("SECRET_OF_THE_HOST", "1")).ends_with(0);
    assert!(!answer.stdout.contains("SECRET_OF_THE_HOST"), "{}", answer.stdout);
    assert!(answer.stdout.contains("PATH=/usr/local/sbin:"), "{}", answer.stdout);
    assert!(answer.stdout.contains("HOME=/root"), "{}", answer.stdout);
}

#[test]
fn folders_of_the_host_are_bound() {
    let store = with_busybox();
    let shared = store.beside("shared");
    std::fs::create_dir(&shared).expect("create a folder");
    std::fs::write(shared.join("in"), "from the host\n").expect("write");
    let bind = |suffix: &str| format!("{}:/shared{suffix}", shared.display());
    let script = "cat /shared/in; echo from inside > /shared/out";
    assert_eq!(
        store.ok(&["run", "--rm", "-v", &bind(""), "busybox", "sh", "-c", script]),
        "from the host"
    );
    assert_eq!(std::fs::read_to_string(shared.join("out")).expect("read"), "from inside\n");

    let read_only =
        store.answer(&["run", "--rm", "-v", &bind(":ro"), "busybox", "touch", "/shared/no"]);
    read_only.ends_with(1).says(&["Read-only"]);
    store
        .answer(&["run", "--rm", "-v", "relative:/shared:rw:what", "busybox", "true"])
        .ends_with(125);
}

#[test]
fn what_a_container_writes_is_not_in_its_image() {
    let store = with_busybox();
    store.ok(&["run", "--rm", "busybox", "sh", "-c", "echo x > /written; rm /etc/passwd"]);
    assert_eq!(
        store.prints("busybox", &["sh", "-c", "ls /written 2>/dev/null; ls /etc/passwd"]),
        "/etc/passwd"
    );
}

#[test]
fn without_network_there_is_only_the_loopback_interface() {
    let store = with_busybox();
    let devices =
        store.ok(&["run", "--rm", "--network", "none", "busybox", "cat", "/proc/net/dev"]);
    let names: Vec<&str> =
        devices.lines().skip(2).filter_map(|line| line.trim().split(':').next()).collect();
    assert_eq!(names, ["lo"]);
    let url = format!("http://{}/v2/", registry_address());
    let ask = ["busybox", "wget", "-q", "-O", "-", &url];
    let alone = store.answer(&[&["run", "--rm", "--network", "none"], &ask[..]].concat());
    assert_ne!(alone.code, Some(0));
    store.ok(&[&["run", "--rm", "--network", "host"], &ask[..]].concat());
}

#[test]
fn input_is_passed_on_when_asked_for() {
    let store = with_busybox();
    let mut run = store.lap(&["run", "--rm", "-i", "busybox", "cat"]);
    run.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = run.spawn().expect("start lap");
    child.stdin.take().expect("its input").write_all(b"through the pipe\n").expect("write to it");
    let output = child.wait_with_output().expect("wait for lap");
    assert_eq!(output.stdout, b"through the pipe\n");

    assert_eq!(store.prints("busybox", &["cat"]), "", "without -i there is no input");
}

/// `script` gives `lap` a terminal, as a user's window does.
#[test]
fn a_terminal_is_given_when_asked_for() {
    let store = with_busybox();
    let lap = env!("CARGO_BIN_EXE_lap");
    let inside = |flags: &str, command: &str| {
        let line = format!("stty rows 33 cols 77; '{lap}' run --rm {flags} busybox {command}");
        let mut script = std::process::Command::new("script");
        script.args(["-q", "-e", "-c", &line, "/dev/null"]);
        // An input that stays open: at its end `script` would hang up the terminal.
        script.stdin(Stdio::piped());
        script.env("LAPSTRAKE_ROOT", store.root());
        Background::of(script).answer()
    };
    inside("-it", "sh -c 'test -t 0 && test -t 1 && test -t 2 && tty && exit 5'")
        .ends_with(5)
        .says(&["/dev/"]);
    inside("-it", "stty size").ends_with(0).says(&["33 77"]);
    inside("-it", "sh -c 'echo $TERM'").ends_with(0).says(&["xterm"]);
    inside("", "sh -c 'test -t 0 || exit 6'").ends_with(6);
}

#[test]
fn a_command_ends_when_its_terminal_has_gone() {
    let store = with_busybox();
    for flags in ["--rm", "--rm -it"] {
        let seconds = unusual_sleep();
        let lap = env!("CARGO_BIN_EXE_lap");
        let line = format!("'{lap}' run {flags} busybox sleep {seconds}");
        let mut script = std::process::Command::new("script");
        script.args(["-q", "-c", &line, "/dev/null"]).stdin(Stdio::piped());
        script.env("LAPSTRAKE_ROOT", store.root());
        let script = Background::of(script);
        wait_for("the command", || sleeping(&seconds));
        script.signal(Signal::SIGKILL);
        let _ = script.answer();
        wait_for("everything to end", || processes_with(&seconds).is_empty().then_some(()));
    }
}

#[test]
fn stdout_and_stderr_stay_apart() {
    let store = with_busybox();
    let answer = store
        .answer(&["run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2"])
        .ends_with(0);
    assert_eq!((answer.stdout.as_str(), answer.stderr.as_str()), ("out\n", "err\n"));
}

/// What the C library says of a full file system, and 125 for faults that are not the command's, as with Docker.
#[test]
fn output_that_cannot_be_written_is_no_success() {
    let store = with_busybox();
    let full = || std::fs::File::options().write(true).open("/dev/full").expect("open /dev/full");
    let script = |script| store.lap(&["run", "--rm", "busybox", "sh", "-c", script]);
    let lost = "cannot write the command's output to standard output";
    Answer::of(script("echo x").stdout(full()))
        .ends_with(125)
        .says(&[lost, "No space left on device"]);
    Answer::of(script("echo x >&2").stderr(full())).ends_with(125);
    Answer::of(script("sleep 0.1; echo x >&2; echo y; exit 3").stderr(full())).ends_with(125);
    Answer::of(script("exit 3").stdout(full()).stderr(full())).ends_with(3);
    Answer::of(script("echo x >&2; exit 3").stdout(full())).ends_with(3).says(&["x"]);

    // A file system of a megabyte, in a mount namespace of its own.
    let lap = env!("CARGO_BIN_EXE_lap");
    let line = format!(
        "mount -t tmpfs -o size=1m tmpfs /mnt && \
         '{lap}' run --rm busybox head -c 5000000 /dev/zero > /mnt/out"
    );
    let mut command = std::process::Command::new("unshare");
    command.args(["-m", "sh", "-c", &line]).env("LAPSTRAKE_ROOT", store.root());
    Answer::of(&mut command).ends_with(125).says(&[lost, "No space left on device"]);
}

/// The command is told by SIGPIPE, as it is by a pipe between two programs, and `lap` says nothing.
#[test]
fn a_reader_that_had_enough_is_no_failure_of_ours() {
    let store = with_busybox();
    let lap = env!("CARGO_BIN_EXE_lap");
    let line = format!(
        "{{ '{lap}' run --rm busybox sh -c 'yes; exit $(($? - 100))'; echo $? > \"$1\"; }} | head -n 1; cat \"$1\""
    );
    let code = store.beside("code");
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &line, "sh"]).arg(code).env("LAPSTRAKE_ROOT", store.root());
    let answer = Answer::of(&mut command).ends_with(0);
    assert_eq!((answer.stdout.as_str(), answer.stderr.as_str()), ("y\n41\n", ""));
}

/// As without a sandbox, in which process 1 would not end by SIGPIPE or SIGHUP: 128 and the signal.
#[test]
fn a_command_that_nobody_reads_is_ended() {
    let store = with_busybox();
    let lap = env!("CARGO_BIN_EXE_lap");
    let code = store.beside("code");
    let ends = |flags: &str, script: &str, expected: &str| {
        let seconds = unusual_sleep();
        let script = script.replace("SLEEP", &format!("sleep {seconds}"));
        let line = format!(
            "{{ '{lap}' run --rm {flags} busybox {script}; echo $? > '{}'; }} | head -n 1",
            text(&code)
        );
        let mut terminal = std::process::Command::new("script");
        terminal.args(["-q", "-c", &line, "/dev/null"]).stdin(Stdio::piped());
        terminal.env("LAPSTRAKE_ROOT", store.root());
        let answer = Background::of(terminal).answer().ends_with(0);
        assert_eq!(answer.stdout.lines().count(), 1, "{flags} {script}: {answer:?}");
        let code = std::fs::read_to_string(&code).expect("the exit code");
        assert_eq!(code.trim_end(), expected, "{flags} {script}");
        wait_for("everything to end", || processes_with(&seconds).is_empty().then_some(()));
    };
    for (flags, code) in [("", "141"), ("-t", "129"), ("-it", "129")] {
        ends(flags, "yes", code);
        ends(flags, "sh -c 'while :; do echo x; done'", code);
    }
    ends("", "sh -c 'SLEEP & while :; do echo x; done' 2>/dev/null", "141");
    ends("-t", "sh -c 'SLEEP & yes'", "129");
    // What it does about it itself.
    ends("", "sh -c 'trap \"exit 3\" PIPE; while :; do echo x; done' 2>/dev/null", "3");
    ends("-t", "sh -c 'trap \"exit 4\" HUP; while :; do echo x; done'", "4");
    ends("-t", "sh -c 'trap \"\" HUP; SLEEP & while :; do echo x; done'", "137");
}

/// execve(2): signals that are ignored stay so.
#[test]
fn a_caller_that_ignores_the_ends_of_its_children_does_not_matter() {
    let store = with_busybox();
    let mut lap = std::process::Command::new("env");
    lap.args([
        "--ignore-signal=CHLD",
        env!("CARGO_BIN_EXE_lap"),
        "run",
        "busybox",
        "sh",
        "-c",
        "exit 7",
    ]);
    lap.env("LAPSTRAKE_ROOT", store.root());
    Background::of(lap).answer().ends_with(7);
}

#[test]
fn output_comes_until_the_end_from_whoever_writes() {
    let store = with_busybox();
    let run = |script| store.answer(&["run", "--rm", "busybox", "sh", "-c", script]).ends_with(0);
    // One is closed while the other one has said nothing yet.
    assert_eq!(run("exec >&-; sleep 0.2; echo late >&2").stderr, "late\n");
    assert_eq!(run("exec 2>&-; sleep 0.2; echo late").stdout, "late\n");
    let answer = run(
        "sleep 0.1; echo 1; sleep 0.1; echo 2 >&2; sleep 0.1; echo 3; head -c 300000 /dev/zero",
    );
    assert_eq!((answer.stdout.len(), answer.stderr.as_str()), (4 + 300_000, "2\n"));
    // Who reads no more is noticed.
    let lap = format!("{} run --rm busybox yes | head -n 1", env!("CARGO_BIN_EXE_lap"));
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &lap]).env("LAPSTRAKE_ROOT", store.root());
    assert_eq!(Background::of(shell).answer().stdout, "y\n");
}

#[test]
fn an_image_can_be_named_by_its_id() {
    let store = with_busybox();
    let id = store.ok(&["images", "-q"]);
    assert_eq!(store.prints(&id, &["echo", "found"]), "found");
}
