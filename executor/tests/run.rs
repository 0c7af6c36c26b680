//! Commands start, and end as they end.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure here is a failed test")]

mod ground;

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use ground::{Ground, run, succeed};
use lapstrake_executor::{
    Begun, Cancel, Error, Executor, Network, SandboxSpec, Sandboxes, Shape, Status, Stdio, start,
};

#[test]
fn output_comes_in_order() {
    let ground = Ground::busybox();
    assert_eq!(succeed(&ground.command(&["true"])), "");
    assert_eq!(ground.output("echo hello; echo there >&2; echo end"), "hello\nthere\nend\n");
    assert_eq!(ground.output("cat"), "", "nothing to read");
    let length = ground.output("head -c 3000000 /dev/zero | tr '\\0' x").len();
    assert_eq!(length, 3_000_000);
}

#[test]
fn every_exit_code_comes_through() {
    let ground = Ground::busybox();
    for code in [0, 1, 2, 125, 126, 127, 128, 254, 255] {
        let outcome = run(&ground.script(&format!("exit {code}"))).unwrap();
        assert_eq!(outcome.status, Status::Exited(code));
    }
}

#[test]
fn a_killed_command_is_told_from_one_that_exits() {
    let ground = Ground::busybox();
    // A shell reports its child's signal; process 1 itself can only be killed from outside.
    assert_eq!(run(&ground.script("sh -c 'kill -9 $$'; exit $?")).unwrap().status.code(), 137);
    let sandbox = start(&ground.command(&["sleep", "60"]), Stdio::Captured).unwrap();
    sandbox.kill(9).unwrap();
    let status = sandbox.wait(&Cancel::new().unwrap(), &mut |_| {}).unwrap();
    assert_eq!(status, Status::Signaled(9));
    assert_eq!(status.code(), 137);
}

#[test]
fn a_missing_program_is_not_found() {
    let ground = Ground::busybox();
    fs::write(ground.extra().join("script"), "#!/no/such/interpreter\n").unwrap();
    make_executable(&ground, "script");
    for program in ["no-such-program", "/no/such", "/bin/busybox/x", "/script"] {
        let error = run(&ground.command(&[program])).unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "{program}: {error:?}");
    }
}

#[test]
fn what_cannot_be_executed_is_not_executable() {
    let ground = Ground::busybox();
    fs::create_dir(ground.extra().join("directory")).unwrap();
    fs::write(ground.extra().join("plain"), "x").unwrap();
    fs::write(ground.extra().join("garbage"), "\0\0\0\0").unwrap();
    make_executable(&ground, "garbage");
    for program in ["/directory", "/plain", "/garbage"] {
        let error = run(&ground.command(&[program])).unwrap_err();
        assert!(matches!(error, Error::NotExecutable { .. }), "{program}: {error:?}");
    }
    let mut spec = ground.command(&["plain"]);
    spec.env = vec![("PATH".into(), "/nowhere:/".into())];
    assert!(matches!(run(&spec), Err(Error::NotExecutable { .. })));
    spec = ground.command(&["true"]);
    spec.env = vec![("PATH".into(), "/nowhere::/bin".into())];
    assert_eq!(succeed(&spec), "");
    spec = ground.command(&["true"]);
    spec.env.clear();
    assert_eq!(succeed(&spec), "", "Docker's default path");
}

fn make_executable(ground: &Ground, name: &str) {
    use std::os::unix::fs::PermissionsExt;
    let path = ground.extra().join(name);
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn the_working_directory_is_inside_or_refused() {
    let ground = Ground::busybox();
    let at = |cwd: &str, create: bool| -> SandboxSpec {
        let mut spec = ground.command(&["pwd"]);
        spec.cwd = cwd.into();
        spec.create_cwd = create;
        spec
    };
    assert_eq!(succeed(&at("/tmp", false)), "/tmp\n");
    std::os::unix::fs::symlink("/../../tmp", ground.extra().join("link")).unwrap();
    assert_eq!(succeed(&at("/link/../link", false)), "/tmp\n");
    assert!(matches!(run(&at("/none", false)), Err(Error::System { .. })));
    assert!(matches!(run(&at("relative", false)), Err(Error::InvalidSpec { .. })));
    let spec = at("/link/deep/er", true);
    assert_eq!(succeed(&spec), "/tmp/deep/er\n");
    assert!(spec.rootfs.upper.join("tmp/deep/er").is_dir(), "it stays");
    for number in 0..40 {
        let error = run(&at(&format!("/proc/self/fd/{number}"), false)).unwrap_err();
        assert!(matches!(error, Error::System { .. }), "{number}: {error:?}");
    }
    for path in ["/proc/self/cwd", "/proc/1/root", "/proc/self/root/tmp"] {
        assert!(run(&at(path, false)).is_err(), "{path}");
        assert!(run(&at(path, true)).is_err(), "{path}");
    }
}

#[test]
fn a_process_left_in_the_background_is_killed() {
    let ground = Ground::busybox();
    let begin = Instant::now();
    let output = ground.output("(sleep 6011; echo late) & setsid sleep 6012 & echo done");
    assert_eq!(output, "done\n");
    assert!(begin.elapsed() < Duration::from_secs(30));
    assert!(!is_running("sleep\x006011") && !is_running("sleep\x006012"));
}

#[test]
fn cancelling_kills_everything_at_once() {
    let ground = Ground::busybox();
    let spec = ground.script("trap '' TERM INT; sleep 6021 & while :; do sleep 6022; done");
    let cancel = Cancel::new().unwrap();
    let begin = Instant::now();
    std::thread::scope(|scope| {
        let token = cancel.clone();
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(200));
            token.cancel();
        });
        let status = Sandboxes.run(&spec, &cancel, &mut |_| {}).unwrap();
        assert_eq!(status, Status::Signaled(9).into());
    });
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    assert!(!is_running("sleep\x006021") && !is_running("sleep\x006022"));
    // A token that is cancelled already stops the next one, too.
    assert_eq!(
        Sandboxes.run(&ground.script("sleep 9"), &cancel, &mut |_| {}),
        Ok(Status::Signaled(9).into())
    );
}

#[test]
fn grace_lets_a_command_end_itself() {
    let ground = Ground::busybox();
    let spec = ground.script("trap 'exit 7' TERM; echo ready; while :; do sleep 0.1; done");
    let cancel = Cancel::with_grace(Duration::from_secs(20)).unwrap();
    let token = cancel.clone();
    let status = Sandboxes.run(&spec, &cancel, &mut |_| token.cancel()).unwrap();
    assert_eq!(status, Status::Exited(7).into());
    let spec = ground.script("trap '' TERM; echo ready; while :; do sleep 0.1; done");
    let cancel = Cancel::with_grace(Duration::from_millis(300)).unwrap();
    let token = cancel.clone();
    let status = Sandboxes.run(&spec, &cancel, &mut |_| token.cancel()).unwrap();
    assert_eq!(status, Status::Signaled(9).into());
}

#[test]
fn a_dropped_sandbox_leaves_nothing_running() {
    let ground = Ground::busybox();
    let sandbox = start(&ground.command(&["sleep", "6031"]), Stdio::Captured).unwrap();
    assert!(is_running("sleep\x006031"));
    drop(sandbox);
    assert!(!is_running("sleep\x006031"));
}

#[test]
fn a_sandbox_that_has_begun_waits_and_then_runs() {
    let ground = Ground::busybox();
    let spec = ground.command(&["echo", "told"]);
    let begun = Begun::new(Shape::from(&spec), Stdio::Captured, &ground.extra()).unwrap();
    wait_until(Duration::from_secs(30), || lapstrake_sandboxes() == 1);
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(lapstrake_sandboxes(), 1, "it waits");
    let mut output = Vec::new();
    let sandbox = begun.start(&spec).unwrap();
    let cancel = Cancel::new().unwrap();
    let status = sandbox.wait(&cancel, &mut |bytes| output.extend_from_slice(bytes)).unwrap();
    assert_eq!((status, output.as_slice()), (Status::Exited(0), &b"told\n"[..]));
}

#[test]
fn a_sandbox_that_is_never_told_what_to_run_leaves_nothing() {
    let ground = Ground::busybox();
    let spec = ground.command(&["true"]);
    let begin =
        |spec: &SandboxSpec| Begun::new(Shape::from(spec), Stdio::Captured, &ground.extra());
    drop(begin(&spec).unwrap());
    assert_eq!(lapstrake_sandboxes(), 0);
    // One for another network, and one for what is no description.
    let mut other = spec.clone();
    other.network = Network::None;
    let refused = begin(&other).unwrap().start(&spec).unwrap_err();
    assert!(matches!(refused, Error::InvalidSpec { .. }), "{refused:?}");
    let mut nothing = spec.clone();
    nothing.argv.clear();
    begin(&nothing).unwrap().start(&nothing).unwrap_err();
    assert_eq!(lapstrake_sandboxes(), 0);
}

/// How many children of this process wait for their order or carry it out.
fn lapstrake_sandboxes() -> usize {
    let threads = fs::read_dir("/proc/self/task").unwrap();
    let all = threads.map(|thread| {
        fs::read_to_string(thread.unwrap().path().join("children")).unwrap_or_default()
    });
    let own = all.collect::<String>();
    let name = |pid: &str| fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    own.split_whitespace().filter(|pid| name(pid) == b"lap-sandbox\0").count()
}

#[test]
fn a_sandbox_dies_with_the_thread_that_started_it() {
    let ground = Ground::busybox();
    for user in ["", "1000"] {
        let mut spec = ground.command(&["sleep", "6041"]);
        spec.user = user.to_owned();
        let starter = std::thread::spawn(move || start(&spec, Stdio::Captured).unwrap());
        let sandbox = starter.join().unwrap();
        let status = sandbox.wait(&Cancel::new().unwrap(), &mut |_| {}).unwrap();
        assert_eq!(status, Status::Signaled(9), "as user {user:?}");
    }
}

#[test]
fn a_killed_engine_takes_its_sandboxes_along() {
    // What the killed process cannot remove.
    let folder = tempfile::TempDir::new().unwrap();
    let engine = || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "an_engine_that_waits_to_be_killed"]).env(ENGINE, "1");
        command.env("TMPDIR", folder.path());
        command.stdout(std::process::Stdio::null()).spawn().unwrap()
    };
    let mut engine = engine();
    let all = || ["6051", "6052", "6053"].map(|time| is_running(&format!("sleep\0{time}")));
    wait_until(Duration::from_secs(30), || all() == [true; 3]);
    engine.kill().unwrap();
    engine.wait().unwrap();
    wait_until(Duration::from_secs(30), || all() == [false; 3]);
}

/// Set for the process that is to be killed.
const ENGINE: &str = "LAPSTRAKE_TEST_ENGINE";

#[test]
fn an_engine_that_waits_to_be_killed() {
    if std::env::var_os(ENGINE).is_none() {
        return;
    }
    let ground = Ground::busybox();
    let root = start(&ground.command(&["sleep", "6051"]), Stdio::Captured).unwrap();
    let mut spec = ground.script("sleep 6052 & wait");
    spec.user = "1000".to_owned();
    let user = start(&spec, Stdio::Captured).unwrap();
    // Who becomes another user is no longer killed with its parent (prctl(2), PR_SET_PDEATHSIG).
    let changed = ground.script("exec su -s /bin/sh nobody -c 'exec sleep 6053'");
    let changed = start(&changed, Stdio::Captured).unwrap();
    std::thread::sleep(Duration::from_secs(60));
    drop((root, user, changed));
}

fn wait_until(limit: Duration, condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < limit, "not within {limit:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn many_at_once_do_not_disturb_each_other() {
    let ground = Ground::busybox();
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let ground = &ground;
            scope.spawn(move || {
                for round in 0..10 {
                    let word = format!("{worker}-{round}");
                    assert_eq!(ground.output(&format!("echo {word}")), format!("{word}\n"));
                }
            });
        }
    });
}

#[test]
fn nothing_stays_on_the_host() {
    let ground = Ground::busybox();
    // Everything is mounted on a place in that folder; others mount things meanwhile, too.
    let folder = ground.folder.path().to_str().unwrap();
    let mounts = || {
        let all = fs::read_to_string("/proc/self/mountinfo").unwrap();
        all.lines().filter(|line| line.contains(folder)).map(str::to_owned).collect::<Vec<_>>()
    };
    let before = mounts();
    ground.output("mount; touch /x");
    run(&ground.command(&["none"])).unwrap_err();
    let inside = ground.script("sleep 0.3");
    let sandbox = start(&inside, Stdio::Captured).unwrap();
    assert_eq!(mounts(), before, "while it runs");
    sandbox.wait(&Cancel::new().unwrap(), &mut |_| {}).unwrap();
    assert_eq!(mounts(), before);
}

#[test]
fn a_description_that_cannot_be_meant_is_refused() {
    let ground = Ground::busybox();
    let invalid = |change: &dyn Fn(&mut SandboxSpec)| {
        let mut spec = ground.script("true");
        change(&mut spec);
        assert!(matches!(run(&spec), Err(Error::InvalidSpec { .. })), "{spec:?}");
    };
    invalid(&|spec| spec.argv.clear());
    invalid(&|spec| spec.argv = vec!["a\0b".into()]);
    invalid(&|spec| spec.env.push(("A=".into(), "b".into())));
    invalid(&|spec| spec.hostname = "a b".to_owned());
    invalid(&|spec| spec.hostname = "a\nb".to_owned());
    invalid(&|spec| spec.hostname = "x".repeat(65));
    invalid(&|spec| spec.rootfs.lower.clear());
}

/// Whether any process of the machine has these arguments, NUL between them.
fn is_running(arguments: &str) -> bool {
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    processes
        .filter_map(|process| fs::read(process.path().join("cmdline")).ok())
        .any(|line| line.strip_suffix(b"\0") == Some(arguments.as_bytes()))
}
