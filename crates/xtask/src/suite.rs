//! `cargo xtask test`: all that the tests need, then all tests.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::bases::Bases;
use crate::binary;
use crate::conformance;
use crate::debian;
use crate::failure::{Failure, Outcome, Subject as _, wrong};
use crate::kernel;
use crate::object_store::ObjectStore;
use crate::process;
use crate::project::Project;
use crate::registry::Registry;
use crate::timing;
use crate::venv;

/// Name on the command line, in the order in which they run.
const STEPS: [&str; 6] = ["unit", "doc", "conformance", "rootless", "static", "kernel"];

/// What a running suite holds: dropped, the servers end.
struct Ground {
    bases: Bases,
    registry: Registry,
    lap: PathBuf,
    /// A Python with the client that tests of the language server speak through.
    lsp_client: PathBuf,
    sarif: PathBuf,
    objects: ObjectStore,
}

pub(crate) fn run(project: &Project, arguments: &[String]) -> Outcome<()> {
    let wanted = wanted(arguments)?;
    let start = Instant::now();
    let ground = timing::step("prepare", || prepare(project))?;
    for step in STEPS.into_iter().filter(|step| wanted.is_none_or(|name| name == *step)) {
        timing::step(step, || match step {
            "unit" => unit(project, &ground),
            "doc" => documentation(project, &ground),
            "conformance" => conformance::judge(&ground.cases(project), &[]),
            "rootless" => conformance::judge_rootless(&ground.cases(project), &[]),
            "static" => static_binary(project, &ground),
            _ => kernel::run(project, &ground.bases),
        })?;
    }
    println!("all tests passed in {:.0} s", start.elapsed().as_secs_f64());
    Ok(())
}

fn wanted(arguments: &[String]) -> Outcome<Option<&str>> {
    match arguments {
        [] => Ok(None),
        [flag, step] if flag == "--only" && STEPS.contains(&step.as_str()) => Ok(Some(step)),
        _ => Err(Failure::Usage(format!("test takes nothing or --only {}", STEPS.join("|")))),
    }
}

/// Makes the bases while the binary is compiled: the one waits for the network, the other computes.
fn prepare(project: &Project) -> Outcome<Ground> {
    debian::ensure(&[debian::BASES, debian::TESTS, debian::PYTHON].concat())?;
    open_tun()?;
    let (bases, lap) = std::thread::scope(|scope| {
        let bases = scope.spawn(|| Bases::ensure(project));
        let lap = binary::development(project);
        let bases =
            bases.join().map_err(|_| wrong("base images", "the thread that makes them ended"));
        (bases, lap)
    });
    let (bases, lap) = (bases??, lap?);
    let registry = Registry::start(project, &bases)?;
    bases.ensure_python(project, &lap, &registry)?;
    let (lsp_client, sarif) = (venv::lsp_client(project)?, venv::sarif(project)?);
    let objects = ObjectStore::start(project)?;
    Ok(Ground { bases, registry, lap, lsp_client, sarif, objects })
}

/// Lets ordinary users open the device that their networks are connected by, as it is outside of test
/// machines.
fn open_tun() -> Outcome<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let device = Path::new("/dev/net/tun");
    std::fs::set_permissions(device, std::fs::Permissions::from_mode(0o666)).on("open", device)
}

fn unit(project: &Project, ground: &Ground) -> Outcome<()> {
    let mut tests = binary::cargo(project);
    if process::locate("cargo-nextest").is_some() {
        tests.args(["nextest", "run", "--workspace", "--no-fail-fast"]);
    } else {
        tests.args(["test", "--workspace", "--no-fail-fast", "--lib", "--bins", "--tests"]);
    }
    process::run(ground.offer(&mut tests))
}

fn documentation(project: &Project, ground: &Ground) -> Outcome<()> {
    process::run(ground.offer(binary::cargo(project).args([
        "test",
        "--workspace",
        "--doc",
        "--quiet",
    ])))
}

/// The static release binary: really static, resolves names without a C library beside it, starts
/// fast.
fn static_binary(project: &Project, ground: &Ground) -> Outcome<()> {
    let lap = binary::release(project)?;
    let headers = process::capture(Command::new("readelf").args(["-l", "-W"]).arg(&lap))?;
    if headers.contains("INTERP") {
        return Err(wrong(lap.display().to_string(), "asks for a dynamic loader"));
    }
    resolve_name(project, ground, &lap)?;
    println!("start-up of the static binary: {:.2} ms", start_up(&lap)?.as_secs_f64() * 1000.0);
    Ok(())
}

/// Pulls from the registry by its name, which only the system's resolver can turn into an address.
fn resolve_name(project: &Project, ground: &Ground, lap: &Path) -> Outcome<()> {
    let scratch = crate::scratch::Scratch::new(project, "static")?;
    let reference =
        ground.registry.address().replace("127.0.0.1", "localhost") + "/library/busybox";
    let mut pull = Command::new(lap);
    pull.args(["pull", &reference]).env("LAPSTRAKE_ROOT", scratch.join("store"));
    process::quiet(&mut pull)
}

/// Median of the time that `lap --version` takes.
fn start_up(lap: &Path) -> Outcome<Duration> {
    let mut times = Vec::new();
    for _ in 0..41 {
        let start = Instant::now();
        process::quiet(Command::new(lap).arg("--version"))?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    times.get(times.len() / 2).copied().ok_or_else(|| wrong("start-up", "was not measured"))
}

impl Ground {
    fn cases<'a>(&'a self, project: &'a Project) -> conformance::Ground<'a> {
        let Self { bases, registry, lap, .. } = self;
        conformance::Ground { project, bases, registry, lap }
    }

    /// Tells the tests where the bases, the registry and the object store are.
    fn offer<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("LAPSTRAKE_TEST_BASES", self.bases.folder())
            .env("LAPSTRAKE_TEST_LSP_CLIENT", &self.lsp_client)
            .env("LAPSTRAKE_TEST_SARIF_PYTHON", &self.sarif)
            .env("LAPSTRAKE_TEST_REGISTRY", self.registry.address())
            .env("LAPSTRAKE_CONFIG", self.registry.lapstrake_config())
            .envs(self.objects.variables())
    }
}
