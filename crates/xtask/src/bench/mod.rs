//! `cargo xtask bench`: Lapstrake beside buildah, and beside BuildKit where Docker is installed, on the same
//! inputs, in one run.
//!
//! Timings swing by a third within an hour, so each figure is the median of rounds: one run of
//! Lapstrake, then at once one of each other on the same input. All stores and inputs lie on one
//! fresh, journalled ext4.

mod case;
mod disk;
mod docker;
mod image;
mod input;
mod lint;
mod measure;
mod network;
mod sandbox;
mod secret;
mod table;
mod tool;
mod tree;

use std::path::{Path, PathBuf};

use crate::bases::Bases;
use crate::binary;
use crate::debian;
use crate::failure::{Failure, Outcome, Subject as _};
use crate::project::Project;
use crate::registry::Registry;
use case::{CASES, Case};
use disk::Disk;
use docker::Docker;
use tool::Tool;

/// What every case works with.
struct Bench<'a> {
    ours: Tool,
    buildah: Tool,
    docker: Option<Docker>,
    /// The program that `ours` is, to be given other stores.
    lap: &'a Path,
    registry: &'a Registry,
    disk: &'a Disk,
    runs: usize,
}

impl Bench<'_> {
    /// The other builders, in the order of the table.
    fn peers(&self) -> impl Iterator<Item = &Tool> {
        [&self.buildah].into_iter().chain(self.docker.as_ref().map(|docker| &docker.tool))
    }
}

struct Wish {
    cases: Vec<&'static Case>,
    runs: usize,
    lap: Option<PathBuf>,
}

pub(crate) fn run(project: &Project, arguments: &[String]) -> Outcome<()> {
    let wish = wish(arguments)?;
    if sandbox::without_hybrid(arguments)? {
        return Ok(());
    }
    debian::ensure(debian::BENCH)?;
    let bases = Bases::ensure(project)?;
    let lap = wish.lap.map_or_else(|| binary::release(project), Ok)?;
    let registry = Registry::start(project, &bases)?;
    let disk = Disk::new(project)?;
    let lap = installed(&lap, &disk)?;
    let bench = Bench {
        ours: Tool::lapstrake(&lap, &disk.path("lapstrake"), &registry),
        buildah: Tool::buildah(&disk.path("buildah"), &registry)?,
        docker: Docker::start(&disk, &registry)?,
        lap: &lap,
        registry: &registry,
        disk: &disk,
        runs: wish.runs,
    };
    let mut rows = Vec::new();
    let measured = wish.cases.iter().try_for_each(|case| {
        println!("measuring {}: {}", case.name, case.about);
        (case.measure)(&bench).map(|found| rows.extend(found))
    });
    // What was measured until then is not lost with what failed.
    table::print(&rows, &bench, &machine());
    measured
}

/// A copy, as an installation makes one: what a linker has written in pieces lies in small pages in the
/// kernel's cache too, and takes a millisecond longer to start.
fn installed(lap: &Path, disk: &Disk) -> Outcome<PathBuf> {
    let folder = disk.path("bin");
    std::fs::create_dir(&folder).on("create", &folder)?;
    let copy = folder.join("lap");
    std::fs::copy(lap, &copy).on("copy", lap)?;
    Ok(copy)
}

fn wish(arguments: &[String]) -> Outcome<Wish> {
    let mut wish = Wish { cases: CASES.iter().collect(), runs: 7, lap: None };
    let mut rest = arguments.iter();
    while let Some(flag) = rest.next() {
        let value = rest.next().ok_or_else(|| Failure::Usage(format!("{flag} needs a value")))?;
        match flag.as_str() {
            "--only" => wish.cases = vec![named(value)?],
            "--runs" => {
                let runs = value.parse().ok().filter(|runs| *runs > 0);
                wish.runs =
                    runs.ok_or_else(|| Failure::Usage(format!("--runs {value}: a number from 1")))?;
            }
            "--lap" => wish.lap = Some(binary_at(Path::new(value))?),
            _ => return Err(Failure::Usage(format!("bench does not know {flag}"))),
        }
    }
    Ok(wish)
}

fn named(name: &str) -> Outcome<&'static Case> {
    CASES.iter().find(|case| case.name == name).ok_or_else(|| {
        let names: Vec<&str> = CASES.iter().map(|case| case.name).collect();
        Failure::Usage(format!("no benchmark {name}; there are {}", names.join(", ")))
    })
}

fn binary_at(path: &Path) -> Outcome<PathBuf> {
    path.canonicalize().map_err(|_| Failure::Missing {
        what: format!("there is no {}", path.display()),
        hint: "leave --lap out and it is built".into(),
    })
}

/// Number of processors and kernel version, for the line below the table.
fn machine() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel: Vec<&str> = release.trim().split('.').take(2).collect();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{processors} processors, Linux {}", kernel.join("."))
}
