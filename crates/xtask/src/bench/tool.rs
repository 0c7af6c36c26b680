//! The programs that are measured, each as a command on its own store.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Outcome, wrong};
use crate::process;
use crate::registry::Registry;

/// buildah lowers its own limits to the kernel's default highest process id before anything else.
const LIMIT_CEILING: u64 = 32768;

pub(crate) struct Tool {
    /// As tables call it.
    pub(crate) name: &'static str,
    program: PathBuf,
    /// What comes before every subcommand.
    global: Vec<String>,
    /// What comes between that and the context's path.
    build: Vec<String>,
    environment: Vec<(&'static str, PathBuf)>,
    pub(crate) version: String,
}

impl Tool {
    /// On the host's network, as the others: what one of its own takes is a benchmark of its own.
    pub(crate) fn lapstrake(program: &Path, store: &Path, registry: &Registry) -> Self {
        Self {
            name: "Lapstrake",
            program: program.to_owned(),
            global: Vec::new(),
            build: ["build", "--network", "host", "-q", "-t", "bench"].map(str::to_owned).to_vec(),
            environment: vec![
                ("LAPSTRAKE_ROOT", store.to_owned()),
                ("LAPSTRAKE_CONFIG", registry.lapstrake_config()),
            ],
            version: version(program),
        }
    }

    /// Debian's buildah with its layer cache, and everything switched off that would slow it for
    /// reasons of its surroundings: no runtime binary (chroot isolation, the fastest it has), no
    /// bridge network, no look-up of a base that is there. Its default resource limits ask for more
    /// than a container's root may have; the current hard limits are passed instead.
    pub(crate) fn buildah(store: &Path, registry: &Registry) -> Outcome<Self> {
        let mut global = vec![
            "--root".to_owned(),
            store.join("storage").display().to_string(),
            "--runroot".to_owned(),
            store.join("run").display().to_string(),
        ];
        global.extend(["--storage-driver", "overlay"].map(str::to_owned));
        let fixed =
            "bud --layers --isolation chroot --network host --pull=false --jobs 4 -q -t bench";
        let mut build: Vec<String> = fixed.split_whitespace().map(str::to_owned).collect();
        for (name, limit) in
            [("nofile", hard_limit("Max open files")?), ("nproc", hard_limit("Max processes")?)]
        {
            build.extend(["--ulimit".to_owned(), format!("{name}={limit}:{limit}")]);
        }
        let program = PathBuf::from("buildah");
        let version = version(&program);
        let temporary = store.join("tmp");
        std::fs::create_dir_all(&temporary).map_err(|error| wrong("buildah", error.to_string()))?;
        let environment = vec![
            ("CONTAINERS_REGISTRIES_CONF", registry.containers_config()),
            ("TMPDIR", temporary),
        ];
        Ok(Self { name: "buildah", program, global, build, environment, version })
    }

    /// A client of the daemon at `socket` that builds with BuildKit, on the host's network as the others do.
    pub(crate) fn docker(program: PathBuf, socket: &Path) -> Self {
        let version = version(&program);
        let global = vec!["--host".to_owned(), format!("unix://{}", socket.display())];
        let build = ["build", "--network", "host", "-q", "-t", "bench"].map(str::to_owned).to_vec();
        let environment = vec![("DOCKER_BUILDKIT", PathBuf::from("1"))];
        Self { name: "BuildKit", program, global, build, environment, version }
    }

    /// Debian's skopeo. It keeps no store.
    pub(crate) fn skopeo() -> Self {
        let program = PathBuf::from("skopeo");
        let version = version(&program);
        let (global, build, environment) = (Vec::new(), Vec::new(), Vec::new());
        Self { name: "skopeo", program, global, build, environment, version }
    }

    /// Any subcommand.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        let environment = self.environment.iter().map(|(name, value)| (name, value));
        command.args(&self.global).args(words).envs(environment);
        command
    }

    /// Builds the context and tags the result.
    pub(crate) fn build(&self, context: &Path) -> Command {
        let mut command = self.command(&[]);
        command.args(&self.build).arg(context);
        command
    }

    /// The least that the program can be asked to do.
    pub(crate) fn start(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--version");
        command
    }
}

fn version(program: &Path) -> String {
    let text = process::capture(Command::new(program).arg("--version")).unwrap_or_default();
    let words: Vec<&str> = text.split_whitespace().collect();
    words
        .iter()
        .find(|word| word.starts_with(|first: char| first.is_ascii_digit()))
        .map_or("?", |word| word.trim_end_matches(','))
        .to_owned()
}

/// A line of `/proc/self/limits`: name, soft limit, hard limit, unit.
fn hard_limit(name: &str) -> Outcome<u64> {
    let text = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let hard = line.and_then(|line| line.split_whitespace().nth(1)).unwrap_or_default();
    let hard = if hard == "unlimited" { Some(u64::MAX) } else { hard.parse().ok() };
    let hard: u64 = hard.ok_or_else(|| wrong("/proc/self/limits", format!("has no `{name}`")))?;
    Ok(hard.min(LIMIT_CEILING))
}
