//! `--ssh`: agents that RUN may use, the user's own or one that is started for keys in files.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use lapstrake_cache::{Store, Temporary};
use lapstrake_solver::op::Agents;

use crate::args::Ssh;
use crate::bounded;
use crate::environment::variable;
use crate::failure::Failure;

/// Names the socket of the running agent.
const SOCKET: &str = "SSH_AUTH_SOCK";

/// A key file may have this many bytes, as in BuildKit.
const LARGEST: u64 = 100 << 10;

/// Name of the socket of an agent that we start, in a folder of its own.
const NAME: &str = "agent";

/// The agents of a build; those that were started end with this value, and soon after this process
/// if it is killed.
#[derive(Default)]
pub(super) struct Forwarded {
    pub(super) agents: Agents,
    started: Vec<Started>,
}

/// An agent that was started for keys. It belongs to a shell, which ends when nothing can be
/// written to it any more; the agent ends when it misses the shell.
struct Started {
    shell: Child,
    agent: Option<rustix::process::Pid>,
    folder: Temporary,
}

impl Forwarded {
    pub(super) fn new(flags: &[Ssh], store: &Store) -> Result<Self, Failure> {
        let mut forwarded = Self::default();
        for flag in flags {
            let socket = match &flag.paths[..] {
                [] => running(&flag.id)?,
                [path] if is_socket(path) => path.clone(),
                paths if paths.iter().any(|path| is_socket(path)) => {
                    return Err(Failure::new(format!(
                        "--ssh {} names a socket and something else",
                        flag.id
                    ))
                    .help("name one socket, or files with keys"));
                }
                paths => {
                    let started = Started::with_keys(paths, store)?;
                    let socket = started.folder.path().join(NAME);
                    forwarded.started.push(started);
                    socket
                }
            };
            let socket = std::path::absolute(&socket).unwrap_or(socket);
            forwarded.agents.insert(flag.id.clone(), socket);
        }
        Ok(forwarded)
    }
}

/// The socket of the agent that the user runs.
fn running(id: &str) -> Result<PathBuf, Failure> {
    let help = format!("start ssh-agent, or write --ssh {id}=SOCKET or {id}=KEYFILE");
    let Some(socket) = variable(SOCKET).map(PathBuf::from) else {
        return Err(
            Failure::new(format!("no ssh agent is running: {SOCKET} is not set")).help(help)
        );
    };
    match is_socket(&socket) {
        true => Ok(socket),
        false => Err(Failure::new(format!(
            "no ssh agent is running: {} of {SOCKET} is no socket",
            socket.display()
        ))
        .help(help)),
    }
}

fn is_socket(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.file_type().is_socket())
}

impl Started {
    fn with_keys(paths: &[PathBuf], store: &Store) -> Result<Self, Failure> {
        let keys = paths.iter().map(|path| Ok((path, key(path)?)));
        let keys = keys.collect::<Result<Vec<_>, Failure>>()?;
        let started = Self::start(store)?;
        for (path, key) in keys {
            started.add(path, &key)?;
        }
        Ok(started)
    }

    fn start(store: &Store) -> Result<Self, Failure> {
        let folder = store.temporary()?;
        let mut command = Command::new("ssh-agent");
        command.args(["-a", NAME, "sh", "-c", "echo $SSH_AGENT_PID; exec cat > /dev/null"]);
        command.current_dir(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut shell = command.stderr(Stdio::null()).spawn().map_err(|error| missing(&error))?;
        let mut line = String::new();
        if let Some(stdout) = &mut shell.stdout {
            BufReader::new(stdout).read_line(&mut line).map_err(|error| missing(&error))?;
        }
        let agent = line.trim().parse().ok().and_then(rustix::process::Pid::from_raw);
        let started = Self { shell, agent, folder };
        match started.agent {
            Some(_) => Ok(started),
            None => Err(Failure::new("ssh-agent did not start")),
        }
    }

    /// Hands a key to the agent. One with a passphrase cannot be: nobody can be asked for it.
    fn add(&self, path: &Path, key: &[u8]) -> Result<(), Failure> {
        let cannot = || Failure::new(format!("cannot use the ssh key {}", path.display()));
        let mut command = Command::new("ssh-add");
        command.args(["-q", "-"]).current_dir(self.folder.path()).env(SOCKET, NAME);
        command.env("SSH_ASKPASS", "/bin/false").env("SSH_ASKPASS_REQUIRE", "force");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| missing(&error))?;
        if let Some(mut stdin) = child.stdin.take() {
            // It may have ended early; its own words tell more.
            drop(stdin.write_all(key));
        }
        let output = child.wait_with_output().map_err(|error| cannot().because(&error))?;
        if output.status.success() {
            return Ok(());
        }
        let said = io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned());
        Err(cannot().because(&said).help(
            "it has to be a private key without a passphrase; add others to your own agent, and \
             forward that with --ssh default",
        ))
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        if let Some(agent) = self.agent {
            // It may be gone already.
            let _ = rustix::process::kill_process(agent, rustix::process::Signal::TERM);
        }
        let _ = self.shell.wait();
    }
}

fn key(path: &Path) -> Result<Vec<u8>, Failure> {
    bounded::file(path, LARGEST).map_err(|error| {
        Failure::new(format!("cannot read the ssh key {}", path.display())).because(&error)
    })
}

fn missing(error: &io::Error) -> Failure {
    let failure = Failure::new("cannot start ssh-agent for the keys of --ssh").because(error);
    match error.kind() {
        io::ErrorKind::NotFound => failure
            .help("install openssh-client, or forward an agent that runs with --ssh ID=SOCKET"),
        _ => failure,
    }
}
