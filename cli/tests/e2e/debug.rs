//! Looking into a step that failed.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::rootless::{RANGES, User};
use crate::support::{Answer, Background, Context, Store, text};

/// The failed step has a bind, a cache, a memory file system and a secret, and leaves a file.
const FAILING: &str = "FROM busybox AS other\n\
    RUN echo other > /file\n\
    FROM busybox\n\
    ENV GIVEN=value\n\
    WORKDIR /work\n\
    RUN --mount=type=bind,from=other,source=/file,target=/bound \\\n\
    --mount=type=bind,from=other,source=/,target=/changed,rw \\\n\
    --mount=type=cache,target=/kept --mount=type=tmpfs,target=/memory \\\n\
    --mount=type=secret,id=token,env=TOKEN \\\n\
    echo half > written; echo kept > /kept/file; exit 7\n\
    RUN echo never > /never\n";

/// Typed into the shell; what it says goes to standard output.
const LOOK: &str = "echo \"in $PWD with $GIVEN and $TOKEN\"; cat written /bound /kept/file\n\
    touch /memory/x /changed/y && echo mounted; echo it is $(hostname), $$; exit 3\n";

const SEEN: &str =
    "in /work with value and s3cret-t0ken\nhalf\nother\nkept\nmounted\nit is buildkitsandbox, 1\n";

/// Runs a program that reads this.
fn fed(mut command: Command, typed: &str) -> Answer {
    command.stdin(Stdio::piped());
    let mut program = Background::of(command);
    program.input().write_all(typed.as_bytes()).expect("type");
    program.answer()
}

fn debug<'a>(context: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let flags = ["build", "--on-fail=shell", "--secret", "id=token,env=TOKEN"];
    [&flags[..], more, &[context]].concat()
}

#[test]
fn a_shell_opens_where_a_step_failed() {
    let store = Store::new();
    let context = Context::new(FAILING);
    for form in [["--progress", "plain"], ["--progress", "quiet"]] {
        let mut lap = store.lap(&debug(&text(context.path()), &form));
        lap.env("TOKEN", "s3cret-t0ken");
        let answer = fed(lap, LOOK).ends_with(1);
        assert_eq!(answer.stdout, SEEN, "{answer:?}");
        let answer = answer.says(&["ended with exit status 7", "Dockerfile:6"]);
        assert!(!answer.stderr.contains("4/4"), "a later step ran: {}", answer.stderr);
    }
    let images = store.ok(&["images"]);
    assert_eq!(images.lines().count(), 2, "more than the base image: {images}");
}

#[test]
fn a_shell_opens_for_an_ordinary_user() {
    let user = User::new(RANGES);
    let context = user.context(FAILING);
    let mut lap = user.command_behind(&[], &debug(&context, &[]));
    lap.env("TOKEN", "s3cret-t0ken");
    let answer = fed(lap, LOOK).ends_with(1);
    assert_eq!(answer.stdout, SEEN, "{answer:?}");
}

/// Also what has no line end, and what may begin with a secret; in a pipe, with `-q` and on a terminal.
#[test]
fn what_the_step_wrote_stands_above_the_shell() {
    let store = Store::new();
    let dockerfile = "FROM busybox\nRUN --mount=type=secret,id=token,env=TOKEN echo visible; \
         printf 'unfinished s3cret'; exit 5\n";
    let context = Context::new(dockerfile);
    let context = text(context.path());
    let above = |output: &str| {
        let at = |word: &str| output.find(word).unwrap_or_else(|| panic!("no {word}: {output}"));
        let places = ["visible", "unfinished s3cret", "this is a shell"].map(at);
        assert!(places.is_sorted(), "{output}");
    };
    for progress in ["plain", "quiet"] {
        let mut lap = store.lap(&debug(&context, &["--progress", progress]));
        lap.env("TOKEN", "s3cret-t0ken");
        above(&fed(lap, "exit\n").ends_with(1).stderr);
    }
    let lap = store.lap(&debug(&context, &["--progress", "tty"]));
    let mut script = in_terminal(&lap);
    script.env("TOKEN", "s3cret-t0ken");
    above(&fed(script, "exit\n").ends_with(1).stdout);
}

/// What the words above the shell say of it.
#[test]
fn what_was_in_memory_is_gone() {
    let store = Store::new();
    let context = Context::new(
        "FROM busybox\nRUN --mount=type=tmpfs,target=/memory \
         touch /memory/x /dev/shm/x /kept; sleep 1000 & exit 5\n",
    );
    let lap = store.lap(&["build", "--on-fail=shell", &text(context.path())]);
    let answer = fed(lap, "ls /memory /dev/shm; ls /kept; ps | grep -c '[s]leep 1000'\n");
    let answer = answer.ends_with(1);
    assert_eq!(answer.stdout, "/dev/shm:\n\n/memory:\n/kept\n0\n");
    answer.says(&["its processes and what it wrote to memory (tmpfs, /dev/shm) are gone"]);
}

/// `lap` in a terminal, which `script` makes.
fn in_terminal(lap: &Command) -> Command {
    in_terminal_with(lap, "")
}

/// The same, with redirections of the shell.
fn in_terminal_with(lap: &Command, redirections: &str) -> Command {
    let mut words = vec![text(lap.get_program().as_ref())];
    words.extend(lap.get_args().map(|word| text(word.as_ref())));
    words.push(redirections.to_owned());
    let mut script = Command::new("script");
    script.args(["-qefc", &words.join(" "), "/dev/null"]);
    script.envs(lap.get_envs().filter_map(|(name, value)| Some((name, value?))));
    script
}

/// `script` gives it a terminal, of which the command in the sandbox sees one of its own.
#[test]
fn the_shell_has_a_terminal_where_there_is_one() {
    let store = Store::new();
    let context = Context::new("FROM busybox\nRUN echo about to fail; exit 7\n");
    let lap = store.lap(&["build", "--on-fail=shell", &text(context.path())]);
    let answer =
        fed(in_terminal(&lap), "tty; echo terminal $TERM $((40 + 2)); exit\n").ends_with(1);
    answer.says(&["about to fail", "/dev/pts/0", "terminal xterm 42", "Dockerfile:2"]);
}

/// What is built goes to standard output, wherever that is.
#[test]
fn the_shell_is_on_the_terminal_where_standard_output_is_elsewhere() {
    let store = Store::new();
    let context = Context::new("FROM busybox\nRUN exit 7\n").file("out", "");
    let lap = store.lap(&["build", "-q", "--on-fail=shell", &text(context.path())]);
    let out = context.path().join("out");
    let script = in_terminal_with(&lap, &format!("> {}", text(&out)));
    fed(script, "tty; exit\n").ends_with(1).says(&["/dev/pts/0"]);
    assert_eq!(std::fs::read_to_string(out).expect("read"), "");
}

#[test]
fn one_shell_for_each_build_and_none_without_a_failure() {
    let store = Store::new();
    let good = Context::new("FROM busybox\nRUN true\n");
    let lap = store.lap(&["build", "-q", "--on-fail=shell", &text(good.path())]);
    let answer = fed(lap, "echo never\n").ends_with(0);
    assert!(answer.stdout.starts_with("sha256:"), "{answer:?}");
    let absent = Context::new("FROM busybox\nRUN [\"/no/program\"]\n");
    let lap = store.lap(&["build", "--on-fail=shell", &text(absent.path())]);
    let answer = fed(lap, "echo here\n").ends_with(1).says(&["/no/program"]);
    assert_eq!(answer.stdout, "here\n");
    let bare = Context::new("FROM scratch\nCOPY x /\nRUN [\"/x\"]\n").file("x", "no program\n");
    let lap = store.lap(&["build", "--on-fail=shell", &text(bare.path())]);
    fed(lap, "").ends_with(1).says(&["there is no shell", "/bin/sh", "Dockerfile:3"]);
    let lap = store.lap(&["build", "--on-fail=shell", "-"]);
    fed(lap, "FROM busybox\nRUN false\n").ends_with(1).says(&["standard input is what is built"]);
}

/// A server that has nothing, and says so late.
fn late_refusal() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("listen");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let _ = client.read(&mut [0; 4096]);
            std::thread::sleep(Duration::from_secs(5));
            let _ = client.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        }
    });
    address
}

/// The step that was looked into is the one that failed, whatever else fails meanwhile.
#[test]
fn the_step_with_the_shell_is_the_one_that_failed() {
    let store = Store::new();
    let absent = format!("ADD http://{} /", late_refusal());
    for other in ["RUN sleep 5; exit 4", "RUN sleep 5; echo said; exit 4", &absent] {
        let context = Context::new(&format!(
            "FROM busybox AS a\nRUN exit 3\nFROM busybox AS b\n{other}\n\
             FROM busybox\nCOPY --from=a /etc /a\nCOPY --from=b /etc /b\n"
        ));
        let context = text(context.path());
        let lap = store.lap(&["build", "--on-fail=shell", "--progress", "plain", &context]);
        let answer = fed(lap, "sleep 7; echo looked\n").ends_with(1);
        assert_eq!(answer.stdout, "looked\n");
        let answer = answer.says(&["ERROR: the command ended with exit status 3", "CANCELED"]);
        assert!(!answer.stderr.contains("exit status 4"), "{answer:?}");
        assert!(!answer.stderr.contains("answered 404"), "{answer:?}");
    }
}

/// Ctrl-C ends the shell too, and nothing stays.
#[test]
fn a_signal_ends_the_shell() {
    let store = Store::new();
    let context = Context::new("FROM busybox\nRUN exit 7\n");
    let seconds = crate::support::unusual_sleep();
    let mut lap = store.lap(&["build", "--on-fail=shell", &text(context.path())]);
    lap.stdin(Stdio::piped());
    let mut build = Background::of(lap);
    let line = format!("sleep {seconds}\n");
    build.input().write_all(line.as_bytes()).expect("type");
    let running = || !crate::support::processes_with(&seconds).is_empty();
    crate::support::wait_for("the shell to sleep", || running().then_some(()));
    build.signal(nix::sys::signal::Signal::SIGINT);
    build.answer().ends_with(130);
    assert!(!running(), "the shell's command runs on");
}
