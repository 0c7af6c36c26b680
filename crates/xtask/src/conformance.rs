//! `cargo xtask conformance`: the cases of `testdata/build` against the development binary.

use std::process::Command;

use crate::bases::Bases;
use crate::binary;
use crate::failure::{Outcome, wrong};
use crate::process;
use crate::project::Project;
use crate::registry::Registry;
use crate::scratch::Scratch;
use std::path::Path;

pub(crate) fn run(project: &Project, cases: &[String]) -> Outcome<()> {
    let bases = Bases::ensure(project)?;
    let lap = binary::development(project)?;
    let registry = Registry::start(project, &bases)?;
    judge(project, &bases, &registry, &lap, cases)
}

/// Runs the cases (all, if none is named) with `lap`; those that `pending.txt` lists have to be
/// refused, the others have to give what was recorded.
pub(crate) fn judge(
    project: &Project,
    bases: &Bases,
    registry: &Registry,
    lap: &Path,
    cases: &[String],
) -> Outcome<()> {
    let scratch = Scratch::new(project, "conformance")?;
    let lap = lap.to_str().ok_or_else(|| wrong("lap", "its path is not UTF-8"))?;
    let template = format!(
        "'{lap}' build --progress plain -f {{dockerfile}} {{flags}} -o type=oci,dest={{out}}{{outopts}} {{context}}"
    );
    let mut runner = Command::new("python3");
    runner.arg("-B").arg(project.testdata("build/run.py"));
    runner.arg("--bases").arg(bases.folder());
    runner.arg("--pending").arg(project.testdata("build/pending.txt"));
    runner.arg("--tmp").arg(scratch.path()).arg(template).args(cases);
    runner.env("LAPSTRAKE_ROOT", scratch.join("store"));
    runner.env("LAPSTRAKE_CONFIG", registry.lapstrake_config());
    process::run(&mut runner)
}
