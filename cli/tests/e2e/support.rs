//! A store for one test, contexts, containers in the background, and waiting for things.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// Long enough for a busy machine; only a failing test waits for it.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A store of its own, which has to be free of mounts when the test ends.
pub(crate) struct Store {
    folder: TempDir,
}

impl Store {
    pub(crate) fn new() -> Self {
        Self { folder: scratch() }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// A place beside the store for what a test writes.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `lap` with these arguments on this store, not started yet.
    pub(crate) fn lap(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lap"));
        command.args(arguments).env("LAPSTRAKE_ROOT", self.root()).stdin(Stdio::null());
        command.env("LAPSTRAKE_CONFIG", prepared("LAPSTRAKE_CONFIG"));
        command
    }

    /// Runs `lap` to its end.
    pub(crate) fn answer(&self, arguments: &[&str]) -> Answer {
        Answer::of(&mut self.lap(arguments))
    }

    /// Runs `lap` started by another program to its end.
    pub(crate) fn answer_behind(&self, starter: &[&str], arguments: &[&str]) -> Answer {
        let lap = self.lap(arguments);
        let Some((program, rest)) = starter.split_first() else { return Answer::of(&mut { lap }) };
        let mut command = Command::new(program);
        command.args(rest).arg(lap.get_program()).args(arguments).stdin(Stdio::null());
        command.envs(lap.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Answer::of(&mut command)
    }

    /// Runs `lap`, which has to succeed; its standard output without the last line end.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        self.answer(arguments).ends_with(0).stdout.trim_end().to_owned()
    }

    /// Builds a context under a tag; that has to succeed.
    pub(crate) fn build(&self, tag: &str, context: &Path) -> Answer {
        self.build_with(tag, context, &[])
    }

    pub(crate) fn build_with(&self, tag: &str, context: &Path, flags: &[&str]) -> Answer {
        self.try_build(tag, context, flags).ends_with(0)
    }

    pub(crate) fn try_build(&self, tag: &str, context: &Path, flags: &[&str]) -> Answer {
        let context = text(context);
        let fixed = ["build", "--progress", "plain", "-t", tag];
        self.answer(&[&fixed[..], flags, &[context.as_str()]].concat())
    }

    /// What a command in a container of this image prints.
    pub(crate) fn prints(&self, image: &str, command: &[&str]) -> String {
        self.ok(&[&["run", "--rm", image], command].concat())
    }

    /// Starts a container and leaves it running.
    pub(crate) fn background(&self, arguments: &[&str]) -> Background {
        Background::of(self.lap(arguments))
    }

    /// Writes an image as an OCI layout folder, which other tools can read.
    pub(crate) fn layout(&self, image: &str) -> PathBuf {
        let (archive, layout) = (self.beside("image.tar"), self.beside("layout"));
        self.ok(&["save", "--format", "oci", "-o", &text(&archive), image]);
        fs::create_dir_all(&layout).expect("create the layout folder");
        tool("tar", &["-xf", &text(&archive), "-C", &text(&layout)]);
        layout
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let left = mounts_below(&self.root());
            assert!(left.is_empty(), "mounts are left: {left:?}");
        }
    }
}

/// How a program ended and what it said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// Whether the kernel wrote its memory down.
    pub(crate) dumped_core: bool,
    shown: String,
}

impl Answer {
    pub(crate) fn of(command: &mut Command) -> Self {
        let shown = format!("{command:?}");
        let output = command.output().unwrap_or_else(|error| panic!("{shown}: {error}"));
        Self::from_output(shown, &output)
    }

    fn from_output(shown: String, output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
            dumped_core: output.status.core_dumped(),
            shown,
        }
    }

    /// Fails the test unless the program ended with this exit code.
    #[track_caller]
    pub(crate) fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.report());
        self
    }

    /// Fails the test unless both outputs together hold the words.
    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        for word in words {
            let found = self.stdout.contains(word) || self.stderr.contains(word);
            assert!(found, "does not say {word:?}\n{}", self.report());
        }
        self
    }

    fn report(&self) -> String {
        format!(
            "{}\nexit {:?}\n-- stdout\n{}-- stderr\n{}",
            self.shown, self.code, self.stdout, self.stderr
        )
    }
}

/// A running `lap`, ended with the test.
pub(crate) struct Background {
    child: Child,
    shown: String,
    /// What was read of its standard error.
    said: Vec<u8>,
}

impl Background {
    pub(crate) fn of(mut command: Command) -> Self {
        let shown = format!("{command:?}");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap_or_else(|error| panic!("{shown}: {error}"));
        Self { child, shown, said: Vec::new() }
    }

    /// Waits until it has said this on its standard error.
    pub(crate) fn hears(&mut self, words: &str) {
        let err = self.child.stderr.as_mut().expect("its standard error");
        let mut piece = [0; 1024];
        while !String::from_utf8_lossy(&self.said).contains(words) {
            let read = err.read(&mut piece).expect("read stderr");
            assert!(read > 0, "{}: never said {words}: {:?}", self.shown, self.said.escape_ascii());
            self.said.extend_from_slice(&piece[..read]);
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.id()), signal).expect("signal lap");
    }

    /// What it reads, where it was given a pipe; closed when dropped.
    pub(crate) fn input(&mut self) -> ChildStdin {
        self.child.stdin.take().expect("a pipe for standard input")
    }

    /// The process id.
    pub(crate) fn id(&self) -> i32 {
        i32::try_from(self.child.id()).expect("process ids are small")
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("wait for lap").is_none()
    }

    /// Waits for the end, but not for ever.
    pub(crate) fn answer(mut self) -> Answer {
        wait_for("lap to end", || (!self.is_running()).then_some(()));
        let (mut stdout, mut stderr) = (Vec::new(), std::mem::take(&mut self.said));
        if let (Some(out), Some(err)) = (&mut self.child.stdout, &mut self.child.stderr) {
            out.read_to_end(&mut stdout).expect("read stdout");
            err.read_to_end(&mut stderr).expect("read stderr");
        }
        let status = self.child.wait().expect("wait for lap");
        Answer::from_output(self.shown.clone(), &Output { status, stdout, stderr })
    }

    /// Asks it to stop, as a user would, and waits.
    pub(crate) fn stop(self) -> Answer {
        self.signal(Signal::SIGTERM);
        self.answer()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // After `answer` it has ended, and neither does anything.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A build context in a folder of its own.
pub(crate) struct Context(TempDir);

impl Context {
    pub(crate) fn new(dockerfile: &str) -> Self {
        Self(scratch()).file("Dockerfile", dockerfile)
    }

    pub(crate) fn file(self, path: &str, text: &str) -> Self {
        self.write(path, text);
        self
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("create folders");
        fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    pub(crate) fn set_mode(&self, path: &str, mode: u32) {
        fs::set_permissions(self.path().join(path), fs::Permissions::from_mode(mode))
            .expect("set the mode");
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// A folder below the build folder: on a real disk, gone with the test.
pub(crate) fn scratch() -> TempDir {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(folder).expect("create the folder for temporary files");
    tempfile::tempdir_in(folder).expect("create a temporary folder")
}

/// A context of `testdata/e2e`.
pub(crate) fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/e2e").join(name)
}

/// `HOST:PORT` of the registry that has the base images.
pub(crate) fn registry_address() -> String {
    prepared("LAPSTRAKE_TEST_REGISTRY")
}

/// A setting that `cargo xtask test` makes.
pub(crate) fn prepared(variable: &str) -> String {
    std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} is not set: run the tests with `cargo xtask test`"))
}

pub(crate) fn text(path: &Path) -> String {
    path.to_str().expect("a path in UTF-8").to_owned()
}

/// What another tool prints; it has to be there and to succeed.
pub(crate) fn tool(program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    Answer::of(command.args(arguments).stdin(Stdio::null())).ends_with(0).stdout
}

/// A port of the loopback interface that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("bind a port");
    listener.local_addr().expect("its address").port()
}

/// The body that a web server answers with.
pub(crate) fn fetch(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.write_all(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.split_once("\r\n\r\n").map_or(String::new(), |(_, body)| body.to_owned()))
}

/// Asks again until there is something.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < LIMIT, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Mount points of this process's mount namespace that lie below a folder.
pub(crate) fn mounts_below(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string("/proc/self/mountinfo").expect("read mountinfo");
    let points = text.lines().filter_map(|line| line.split(' ').nth(4));
    points.filter(|point| Path::new(point).starts_with(folder)).map(str::to_owned).collect()
}

/// What is to take so long at most, and says how long it took, may take longer twice: then the machine stalled.
pub(crate) fn within(limit: Duration, mut attempt: impl FnMut() -> Duration) {
    let mut took = Vec::new();
    while took.iter().all(|time| *time > limit) {
        assert!(took.len() < 3, "{took:?}");
        took.push(attempt());
    }
}

/// Ids of the processes that have this word on their command line. The test's own does not count.
pub(crate) fn processes_with(word: &str) -> Vec<i32> {
    let ids = fs::read_dir("/proc").expect("list /proc").filter_map(|entry| {
        let id: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let line = fs::read(format!("/proc/{id}/cmdline")).ok()?;
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        words.contains(&word.as_bytes()).then_some(id)
    });
    ids.collect()
}

/// A number of seconds to sleep that no other process sleeps for, so that it can be found.
pub(crate) fn unusual_sleep() -> String {
    let nanoseconds =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
    format!("9{:05}{:04}", std::process::id() % 100_000, nanoseconds.subsec_micros() % 10_000)
}
