//! Running the system's `git`: with an environment made from nothing, bounded, and ended with all
//! that it started.
//!
//! It never writes a work tree. Files come out of it as objects, so that no hook, no filter and no
//! link of a repository has anything to act on.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use lapstrake_http::Settings;
use rustix::process::{
    Pid, Resource, Rlimit, Signal, WaitId, WaitIdOptions, kill_process_group, prlimit, waitid,
};

use super::Remote;
use crate::{Error, redacted};

/// How many bytes of what it says are kept, and how many lines are shown.
const MOST_WORDS: usize = 16 << 10;
const MOST_LINES: usize = 8;
/// What it says of a redirect that it does not follow.
const MOVED: [&str; 5] = ["error: 301", "error: 302", "error: 303", "error: 307", "error: 308"];
/// How often it is looked whether to stop.
const PAUSE: Duration = Duration::from_millis(20);

/// What `git` is run with.
#[derive(Clone, Debug)]
pub struct GitConfig {
    /// Where programs are found: `git`, and `ssh` for remotes that need it.
    pub path: OsString,
    /// The agent that may log in over SSH. Without one, only hosts that ask for no key can be
    /// reached.
    pub ssh_agent: Option<PathBuf>,
}

/// Only the programs of the system.
impl Default for GitConfig {
    fn default() -> Self {
        Self { path: "/usr/local/bin:/usr/bin:/bin".into(), ssh_agent: None }
    }
}

/// Settings that no repository and no file of the machine can change: they are given in the
/// environment, which comes last.
const SETTINGS: [(&str, &str); 17] = [
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.attributesFile", "/dev/null"),
    ("core.excludesFile", "/dev/null"),
    ("core.logAllRefUpdates", "false"),
    ("core.protectHFS", "true"),
    ("core.protectNTFS", "true"),
    ("credential.helper", ""),
    ("fetch.recurseSubmodules", "false"),
    ("fetch.unpackLimit", "1"),
    ("gc.auto", "0"),
    ("http.followRedirects", "initial"),
    ("http.lowSpeedLimit", "1"),
    ("http.lowSpeedTime", "60"),
    ("maintenance.auto", "false"),
    ("transfer.bundleURI", "false"),
    ("transfer.credentialsInUrl", "die"),
];

/// What is always in the environment.
const ENVIRONMENT: [(&str, &str); 13] = [
    ("LC_ALL", "C"),
    ("HOME", "/dev/null"),
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_CONFIG_SYSTEM", "/dev/null"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_ATTR_NOSYSTEM", "1"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_ALLOW_PROTOCOL", "http:https:git:ssh"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_SSH_COMMAND", "ssh -F ssh_config"),
    ("GIT_SSH_VARIANT", "ssh"),
    ("GIT_OPTIONAL_LOCKS", "0"),
];

/// The file that `GIT_SSH_COMMAND` names: the user's own configuration does not count, a host that
/// the user knows has to be who it was, and no key is used but those of the agent.
const SSH_CONFIG: &str = "\
BatchMode yes
ConnectTimeout 30
ControlPath none
ForwardAgent no
IdentityFile none
PermitLocalCommand no
ProxyCommand none
ServerAliveInterval 20
StrictHostKeyChecking accept-new
UpdateHostKeys no
UserKnownHostsFile known_hosts ~/.ssh/known_hosts ~/.ssh/known_hosts2
";

/// Runs `git` in a folder of its own.
pub(crate) struct Git<'a> {
    config: &'a GitConfig,
    /// Proxies, and who is not connected to.
    pub(super) http: &'a Settings,
    /// Where it runs, and where its files are.
    folder: &'a Path,
    cancelled: &'a (dyn Fn() -> bool + Sync),
    begin: Instant,
    limits: Limits,
}

/// What all runs together may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// From the first to the last.
    pub(crate) time: Duration,
    /// The most bytes of a file that `git` writes.
    pub(crate) bytes: u64,
}

/// One run of it.
pub(crate) struct Run<'a> {
    git: &'a Git<'a>,
    command: Command,
    settings: Vec<(String, String)>,
    /// Who it talks to, for messages.
    remote: String,
}

/// What a run came to.
pub(crate) struct Ended {
    pub(crate) output: Vec<u8>,
    pub(crate) status: ExitStatus,
    /// What it said, without anything that drives a terminal and without logins.
    pub(crate) said: String,
}

impl<'a> Git<'a> {
    /// `folder` is empty and belongs to the caller alone.
    pub(crate) fn new(
        config: &'a GitConfig,
        http: &'a Settings,
        folder: &'a Path,
        limits: Limits,
        cancelled: &'a (dyn Fn() -> bool + Sync),
    ) -> Result<Self, Error> {
        let path = folder.join("ssh_config");
        let text = match config.ssh_agent {
            Some(_) => SSH_CONFIG.to_owned(),
            None => format!("{SSH_CONFIG}IdentityAgent none\n"),
        };
        fs::write(&path, text).map_err(Error::io("write", &path))?;
        Ok(Self { config, http, folder, cancelled, begin: Instant::now(), limits })
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &'a Path {
        self.folder
    }

    /// A run about `remote`. Everything behind a `--` is no option to it.
    pub(crate) fn run<S: AsRef<OsStr>>(
        &'a self,
        remote: &Remote,
        arguments: impl IntoIterator<Item = S>,
    ) -> Run<'a> {
        let mut command = Command::new("git");
        command.args(arguments).current_dir(self.folder).env_clear().process_group(0);
        command.env("PATH", &self.config.path).envs(ENVIRONMENT);
        if let Some(agent) = &self.config.ssh_agent {
            command.env("SSH_AUTH_SOCK", agent);
        }
        let proxy = &self.http.proxy;
        let proxies = [("http_proxy", &proxy.http), ("https_proxy", &proxy.https)];
        for (name, proxy) in proxies {
            command.envs(proxy.as_ref().map(|proxy| (name, proxy)));
        }
        command.env("no_proxy", proxy.bypass.join(","));
        let settings = SETTINGS.map(|(key, value)| (key.to_owned(), value.to_owned()));
        Run { git: self, command, settings: settings.into(), remote: remote.to_string() }
    }
}

impl Run<'_> {
    /// In this repository.
    pub(crate) fn within(mut self, repository: &Path) -> Self {
        self.command.env("GIT_DIR", repository);
        self
    }

    /// With a folder as its work tree, which is all that it sees of one.
    pub(crate) fn in_tree(mut self, folder: &Path) -> Self {
        self.command.env("GIT_WORK_TREE", folder).current_dir(folder);
        self
    }

    /// With more settings, in the environment: arguments can be seen by everybody.
    pub(crate) fn with(mut self, settings: Vec<(String, String)>) -> Self {
        self.settings.extend(settings);
        self
    }

    /// Runs it to its end; its output has at most `most` bytes.
    pub(crate) fn end(self, most: u64) -> Result<Ended, Error> {
        let (output, status, said) = self.feed(Vec::new(), |output| read_all(output, most))?;
        Ok(Ended { output, status, said })
    }

    /// As [`Run::end`]; anything but success is an error.
    pub(crate) fn output(self, most: u64) -> Result<Vec<u8>, Error> {
        let remote = self.remote.clone();
        self.end(most)?.success(remote)
    }

    /// As [`Run::output`], with `input` to read.
    pub(crate) fn answer(self, input: Vec<u8>, most: u64) -> Result<Vec<u8>, Error> {
        let remote = self.remote.clone();
        let (output, status, said) = self.feed(input, |output| read_all(output, most))?;
        Ended { output, status, said }.success(remote)
    }

    /// Runs it with `input` to read and has `take` read what it writes. What is left of it when
    /// `take` has read enough is ended.
    pub(crate) fn feed<T>(
        mut self,
        input: Vec<u8>,
        take: impl FnOnce(&mut dyn Read) -> Result<T, Error>,
    ) -> Result<(T, ExitStatus, String), Error> {
        for (number, (key, value)) in self.settings.iter().enumerate() {
            self.command.env(format!("GIT_CONFIG_KEY_{number}"), key);
            self.command.env(format!("GIT_CONFIG_VALUE_{number}"), value);
        }
        self.command.env("GIT_CONFIG_COUNT", self.settings.len().to_string());
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().map_err(|source| Error::NoGit { source })?;
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let group = Pid::from_child(&child);
        // No file of it grows without end. One that has ended by now needs no limit.
        let most = Some(self.git.limits.bytes);
        let _ = prlimit(Some(group), Resource::Fsize, Rlimit { current: most, maximum: most });
        let (alive, ended) = mpsc::channel::<()>();
        let (taken, said, stopped) = thread::scope(|scope| {
            // A program that does not read all ends with an error of its own.
            scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(&input)));
            let said = scope.spawn(move || words(stderr));
            let watch = scope.spawn(move || self.git.watch(group, &ended));
            let taken =
                stdout.map_or_else(|| Err(Error::Cancelled), |mut stdout| take(&mut stdout));
            end(group, taken.is_err());
            drop(alive);
            (taken, join(said), join(watch))
        });
        let status = child.wait().map_err(|source| Error::NoGit { source })?;
        match stopped {
            Some(error) => Err(error),
            None => Ok((taken?, status, said)),
        }
    }
}

impl Git<'_> {
    /// Ends the group when it is to stop, and says why; nothing when it ends by itself.
    fn watch(&self, group: Pid, ended: &mpsc::Receiver<()>) -> Option<Error> {
        loop {
            match ended.recv_timeout(PAUSE) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return None,
            }
            let error = if (self.cancelled)() {
                Error::Cancelled
            } else if self.begin.elapsed() > self.limits.time {
                Error::Timeout { url: "git".to_owned(), awaited: "end", limit: self.limits.time }
            } else {
                continue;
            };
            // One that is gone already needs no end.
            let _ = kill_process_group(group, Signal::KILL);
            return Some(error);
        }
    }
}

impl Ended {
    /// The output of a run that went well.
    pub(crate) fn success(self, remote: String) -> Result<Vec<u8>, Error> {
        match self.status.success() {
            true => Ok(self.output),
            false if MOVED.iter().any(|code| self.said.contains(code)) => {
                Err(Error::Moved { remote })
            }
            false => Err(Error::Git { remote, said: self.said }),
        }
    }
}

/// Waits for the leader, which is left to be collected so that its number stays taken, and ends
/// what it left behind. With `now` it is ended at once.
fn end(group: Pid, now: bool) {
    // A group that is gone needs no end, and a leader that is no more is not waited for.
    if now {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = waitid(WaitId::Pid(group), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
    let _ = kill_process_group(group, Signal::KILL);
}

fn read_all(output: &mut dyn Read, most: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let read = output.take(most.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|source| Error::NoGit { source })?;
    match bytes.len() as u64 > most {
        true => Err(Error::TooLarge { url: "git".to_owned(), limit: most }),
        false => Ok(bytes),
    }
}

/// What a program says: the end of it, in lines that cannot drive a terminal.
fn words(stderr: Option<ChildStderr>) -> String {
    let mut tail: Vec<u8> = Vec::new();
    let mut buffer = [0; 4096];
    let Some(mut stderr) = stderr else { return String::new() };
    // What cannot be read is not shown.
    while let Ok(count @ 1..) = stderr.read(&mut buffer) {
        tail.extend_from_slice(buffer.get(..count).unwrap_or_default());
        let excess = tail.len().saturating_sub(MOST_WORDS);
        tail.drain(..excess);
    }
    let text = String::from_utf8_lossy(&tail);
    let lines = text.lines().map(|line| line.rsplit('\r').next().unwrap_or(line).trim());
    let lines = lines.map(|line| line.chars().filter(|letter| !letter.is_control()).collect());
    let lines: Vec<String> = lines.filter(|line: &String| !line.is_empty()).collect();
    let shown = lines.get(lines.len().saturating_sub(MOST_LINES)..).unwrap_or_default();
    redacted(&shown.join("\n")).into_owned()
}

/// A panic of a thread goes on in the thread that waits for it.
fn join<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
