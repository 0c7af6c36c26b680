//! Docker's builder, BuildKit, with a daemon of its own for as long as the benchmark runs.
//!
//! Only where the machine has both programs (`apt-get install docker.io`): what starts a daemon with rights over
//! the machine's network is not installed for a table.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::disk::Disk;
use super::tool::Tool;
use crate::failure::{Failure, Outcome, Subject as _, wrong};
use crate::process;
use crate::registry::Registry;
use crate::scratch::Scratch;

const START_LIMIT: Duration = Duration::from_secs(30);
const END_LIMIT: Duration = Duration::from_secs(20);
/// Between two questions whether it is there, or gone.
const REST: Duration = Duration::from_millis(50);

/// A running daemon and the client that builds with it; it ends when this is dropped.
pub(crate) struct Docker {
    pub(crate) tool: Tool,
    daemon: Child,
    _scratch: Scratch,
}

impl Docker {
    /// Starts it with its images on the disk. `None`, and a line that says so, without the programs.
    pub(crate) fn start(disk: &Disk, registry: &Registry) -> Outcome<Option<Self>> {
        let Some(program) = process::locate("dockerd") else {
            println!("not beside Docker: there is no dockerd (apt-get install docker.io)");
            return Ok(None);
        };
        // The path of a socket is short.
        let scratch = Scratch::for_all("lap-bench-docker")?;
        let socket = scratch.join("socket");
        let log = scratch.join("log");
        let mut command = daemon(&program, &scratch, disk, registry);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(fs::File::create(&log).on("create", &log)?);
        let child = command.spawn();
        let daemon =
            child.map_err(|source| Failure::Start { program: process::shown(&command), source })?;
        let tool = Tool::docker(PathBuf::from("docker"), &socket);
        let mut docker = Self { tool, daemon, _scratch: scratch };
        docker.wait_until_it_answers(&log)?;
        let Some(client) = clients().find(|client| can_build(client, &socket, disk)) else {
            println!("not beside Docker: no docker on the search path builds with BuildKit");
            return Ok(None);
        };
        docker.tool = Tool::docker(client, &socket);
        Ok(Some(docker))
    }

    fn wait_until_it_answers(&mut self, log: &Path) -> Outcome<()> {
        let start = Instant::now();
        while process::quiet(&mut self.tool.command(&["version"])).is_err() {
            let ended = self.daemon.try_wait().is_ok_and(|status| status.is_some());
            if ended || start.elapsed() > START_LIMIT {
                let log = fs::read_to_string(log).unwrap_or_default();
                return Err(wrong("dockerd", format!("did not start\n{log}")));
            }
            std::thread::sleep(REST);
        }
        Ok(())
    }
}

impl Drop for Docker {
    /// Asked, so that it ends what it has started; killed when it takes too long.
    fn drop(&mut self) {
        let process = self.daemon.id().to_string();
        let _ = process::quiet(Command::new("kill").arg(process));
        let start = Instant::now();
        while start.elapsed() < END_LIMIT {
            if !matches!(self.daemon.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(REST);
        }
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// Without a bridge and rules of its own: builds are measured on the host's network, ours and theirs.
fn daemon(program: &Path, scratch: &Scratch, disk: &Disk, registry: &Registry) -> Command {
    let mut command = Command::new(program);
    command.args(["--iptables=false", "--ip6tables=false", "--ip-forward=false", "--bridge=none"]);
    command.arg("--data-root").arg(disk.path("docker"));
    command.arg("--exec-root").arg(scratch.join("exec"));
    command.arg("--pidfile").arg(scratch.join("process"));
    command.arg("--host").arg(format!("unix://{}", scratch.join("socket").display()));
    command.arg("--registry-mirror").arg(format!("http://{}", registry.address()));
    command
}

/// Every `docker` on the search path: newer ones need a plugin to build with BuildKit, older ones can by
/// themselves.
fn clients() -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.into_iter().map(|folder| folder.join("docker")).filter(|client| client.is_file())
}

fn can_build(client: &Path, socket: &Path, disk: &Disk) -> bool {
    let context = disk.path("docker-client");
    let dockerfile = context.join("Dockerfile");
    let is_there = fs::create_dir_all(&context).is_ok()
        && fs::write(&dockerfile, "FROM scratch\nLABEL purpose=none\nCOPY Dockerfile /\n").is_ok();
    let tool = Tool::docker(client.to_owned(), socket);
    is_there && process::quiet(&mut tool.build(&context)).is_ok()
}
