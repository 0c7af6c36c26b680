//! What the tests share: a root file system to run in, and running one command in it.
//!
//! The tests need root and the base images; without either they fail. `LAPSTRAKE_TEST_BASES` names
//! the folder with `busybox.tar` and `debian.tar` (see `testdata/bases/make-bases.sh`).
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failure here is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

use lapstrake_executor::{Bytes, Cancel, Error, Executor, Rootfs, SandboxSpec, Sandboxes, Status};
use tempfile::TempDir;

/// An unpacked base, the stub layer, and a fresh upper directory for each run.
pub(crate) struct Ground {
    pub(crate) folder: TempDir,
    runs: AtomicUsize,
}

/// How a command ended and all it wrote.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: Status,
    pub(crate) output: String,
    pub(crate) upper: PathBuf,
}

impl Ground {
    pub(crate) fn busybox() -> Self {
        Self::unpack("busybox")
    }

    pub(crate) fn debian() -> Self {
        Self::unpack("debian")
    }

    /// A base without anything in it.
    pub(crate) fn empty() -> Self {
        use_stage();
        let folder = TempDir::new().unwrap();
        for name in ["base", "stubs", "extra"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        lapstrake_executor::create_stubs(&folder.path().join("stubs")).unwrap();
        Self { folder, runs: AtomicUsize::new(0) }
    }

    fn unpack(base: &str) -> Self {
        let ground = Self::empty();
        let folder = std::env::var("LAPSTRAKE_TEST_BASES")
            .expect("LAPSTRAKE_TEST_BASES has to name the folder of the base images");
        let file = fs::File::open(Path::new(&folder).join(format!("{base}.tar"))).unwrap();
        let mut archive = tar::Archive::new(file);
        archive.set_preserve_permissions(true);
        archive.set_preserve_ownerships(true);
        archive.unpack(ground.base()).unwrap();
        ground
    }

    /// The lowest layer of the image.
    pub(crate) fn base(&self) -> PathBuf {
        self.folder.path().join("base")
    }

    /// A layer over it, empty at first.
    pub(crate) fn extra(&self) -> PathBuf {
        self.folder.path().join("extra")
    }

    /// A new root file system on this ground.
    pub(crate) fn rootfs(&self) -> Rootfs {
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        let directory = |name: &str| {
            let path = self.folder.path().join(format!("{name}{run}"));
            fs::create_dir(&path).unwrap();
            path
        };
        Rootfs {
            lower: vec![self.folder.path().join("stubs"), self.base(), self.extra()],
            upper: directory("upper"),
            work: directory("work"),
            volatile: true,
        }
    }

    /// A description that runs a script with the shell.
    pub(crate) fn script(&self, script: &str) -> SandboxSpec {
        self.command(&["/bin/sh", "-c", script])
    }

    pub(crate) fn command(&self, argv: &[&str]) -> SandboxSpec {
        let argv = argv.iter().map(|argument| Bytes::from(*argument)).collect();
        let mut spec = SandboxSpec::new(self.rootfs(), argv);
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        spec.env = vec![("PATH".into(), path.into())];
        spec.resolv_conf = Bytes::from("nameserver 192.0.2.1\n");
        spec
    }

    /// What a script writes when it succeeds.
    pub(crate) fn output(&self, script: &str) -> String {
        succeed(&self.script(script))
    }
}

pub(crate) fn run(spec: &SandboxSpec) -> Result<Outcome, Error> {
    let mut output = Vec::new();
    let cancel = Cancel::new()?;
    let ended = Sandboxes.run(spec, &cancel, &mut |bytes| output.extend_from_slice(bytes))?;
    let status = ended.status;
    let output = String::from_utf8_lossy(&output).into_owned();
    Ok(Outcome { status, output, upper: spec.rootfs.upper.clone() })
}

pub(crate) fn succeed(spec: &SandboxSpec) -> String {
    let outcome = run(spec).unwrap();
    assert_eq!(outcome.status, Status::Exited(0), "{}", outcome.output);
    outcome.output
}

/// Every path below a directory, sorted.
pub(crate) fn listing(directory: &Path) -> Vec<String> {
    let mut paths = Vec::new();
    let mut open = vec![directory.to_path_buf()];
    while let Some(path) = open.pop() {
        for entry in fs::read_dir(path).unwrap() {
            let entry = entry.unwrap();
            let relative = entry.path().strip_prefix(directory).unwrap().display().to_string();
            paths.push(relative);
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            }
        }
    }
    paths.sort();
    paths
}

/// The binary of the tests has a `main` of its own, so the sandboxes begin as another one.
pub(crate) fn use_stage() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let stage = Path::new(env!("CARGO_BIN_EXE_lapstrake-sandbox-stage"));
        lapstrake_executor::use_stage_file(stage).unwrap();
    });
}
