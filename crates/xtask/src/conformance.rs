//! `cargo xtask conformance`: the cases of `testdata/build` against the development binary, as root or as
//! an ordinary user.

use std::path::Path;
use std::process::Command;

use crate::bases::Bases;
use crate::binary;
use crate::debian;
use crate::failure::Outcome;
use crate::process;
use crate::project::Project;
use crate::registry::Registry;
use crate::rootless::{UID, User};
use crate::scratch::Scratch;

pub(crate) fn run(project: &Project, arguments: &[String]) -> Outcome<()> {
    let (flags, cases): (Vec<String>, Vec<String>) =
        arguments.iter().cloned().partition(|argument| argument == "--rootless");
    let bases = Bases::ensure(project)?;
    let lap = binary::development(project)?;
    let registry = Registry::start(project, &bases)?;
    let ground = Ground { project, bases: &bases, registry: &registry, lap: &lap };
    match flags.is_empty() {
        true => judge(&ground, &cases),
        false => judge_rootless(&ground, &cases),
    }
}

/// What the cases are run with.
pub(crate) struct Ground<'a> {
    pub(crate) project: &'a Project,
    pub(crate) bases: &'a Bases,
    pub(crate) registry: &'a Registry,
    pub(crate) lap: &'a Path,
}

/// Runs the cases (all, if none is named) with `lap`; those that `pending.txt` lists have to be
/// refused, the others have to give what was recorded.
pub(crate) fn judge(ground: &Ground<'_>, cases: &[String]) -> Outcome<()> {
    let scratch = Scratch::new(ground.project, "conformance")?;
    let mut runner = ground.runner(scratch.path());
    runner.arg(template(&format!("'{}'", ground.lap.display()))).args(cases);
    ground.run(&mut runner, &scratch)
}

/// The same as an ordinary user; then that each case has the digest that it has as root.
pub(crate) fn judge_rootless(ground: &Ground<'_>, cases: &[String]) -> Outcome<()> {
    debian::ensure(&["uidmap"])?;
    let user = User::new(ground.lap, &ground.registry.lapstrake_config())?;
    let scratch = Scratch::new(ground.project, "conformance")?;
    let runner = || {
        let mut runner = ground.runner(&user.cases());
        runner.arg("--owner").arg(UID.to_string());
        runner.arg("--pending").arg(ground.project.testdata("build/rootless.txt"));
        runner
    };
    println!("as an ordinary user:");
    ground.run(runner().arg(template(&user.lap("store"))).args(cases), &scratch)?;
    println!("the same digests as root and as an ordinary user:");
    let mut twins = runner();
    // Both on a new store: what is kept in caches from step to step is part of what some cases see.
    twins.arg("--twin").arg(template(&user.lap("twins")));
    twins.arg(template(&format!("'{}'", ground.lap.display()))).args(cases);
    ground.run(&mut twins, &scratch)
}

impl Ground<'_> {
    /// What prepares the cases in a folder, runs and compares them.
    fn runner(&self, folder: &Path) -> Command {
        let mut runner = Command::new("python3");
        runner.arg("-B").arg(self.project.testdata("build/run.py"));
        runner.arg("--bases").arg(self.bases.folder());
        runner.arg("--pending").arg(self.project.testdata("build/pending.txt"));
        runner.arg("--tmp").arg(folder);
        runner
    }

    fn run(&self, runner: &mut Command, scratch: &Scratch) -> Outcome<()> {
        runner.env("LAPSTRAKE_ROOT", scratch.join("store"));
        runner.env("LAPSTRAKE_CONFIG", self.registry.lapstrake_config());
        process::run(runner)
    }
}

fn template(lap: &str) -> String {
    format!(
        "{lap} build --progress plain -f {{dockerfile}} {{flags}} -o type=oci,dest={{out}}{{outopts}} {{context}}"
    )
}
