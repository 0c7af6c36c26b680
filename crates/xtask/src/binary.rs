//! The `lap` binary that the other chores drive, and programs of others that are made from the registry.

use std::path::PathBuf;
use std::process::Command;

use crate::failure::{Outcome, wrong};
use crate::process;
use crate::project::Project;

const PACKAGE: &str = "lapstrake-cli";

/// The unoptimized, dynamically linked binary, the same that `cargo test` drives.
pub(crate) fn development(project: &Project) -> Outcome<PathBuf> {
    process::run(cargo(project).args(["build", "--package", PACKAGE]))?;
    found(project.target().join("debug/lap"))
}

/// The binary as it is shipped: optimized, static. The explicit target keeps `crt-static` away from
/// proc-macros, which have to be dynamic libraries. It lies at a fixed address: see `docs/performance.md`.
pub(crate) fn release(project: &Project) -> Outcome<PathBuf> {
    let host = host_target()?;
    let mut build = cargo(project);
    build.args(["build", "--release", "--package", PACKAGE, "--target", &host]);
    process::run(
        build.env("RUSTFLAGS", "-C target-feature=+crt-static -C relocation-model=static"),
    )?;
    found(project.target().join(host).join("release/lap"))
}

/// The folder with the programs of a crate of the registry, built unless they are there.
pub(crate) fn installed(project: &Project, name: &str, version: &str) -> Outcome<PathBuf> {
    let root = project.target().join("peers");
    let mut install = cargo(project);
    install.args(["install", "--quiet", "--locked", name, "--version", version, "--root"]);
    process::run(install.arg(&root))?;
    Ok(root.join("bin"))
}

/// A cargo command in the source tree.
pub(crate) fn cargo(project: &Project) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(project.root());
    command
}

fn host_target() -> Outcome<String> {
    let version = process::capture(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| wrong("rustc -vV", "names no host"))
}

fn found(path: PathBuf) -> Outcome<PathBuf> {
    if path.is_file() {
        return Ok(path);
    }
    Err(wrong(path.display().to_string(), "was built, but is not there"))
}
