//! Project chores, run as `cargo xtask TASK`: everything that takes more than one cargo command.
//!
//! Deliberately small: the standard library and a JSON reader, so that it is built in a few seconds
//! on a machine that has nothing but Rust. It knows `lap` only as a program that it starts.
//!
//! Reading order: [`project`] (where things are), [`process`] (starting programs), [`debian`]
//! (packages), [`venv`] (the same from PyPI), [`bases`] and [`registry`] (what a build starts from),
//! [`object_store`] (an S3 server), then the tasks: [`demo`],
//! [`suite`], [`conformance`], [`bench`], [`tidy`].
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a chore talks to the developer at the terminal; nothing else links this package"
)]

mod bases;
mod bench;
mod binary;
mod conformance;
mod debian;
mod demo;
mod failure;
mod kernel;
mod object_store;
mod process;
mod project;
mod registry;
mod rootless;
mod scratch;
mod server;
mod suite;
mod tidy;
mod timing;
mod venv;

use std::process::ExitCode;

use failure::{Failure, Outcome};
use project::Project;

const USAGE: &str = "\
usage: cargo xtask TASK

  demo                      build a real image and run it
  test [--only STEP]        all that the tests need, then all tests
                            (steps: unit, doc, conformance, rootless, static, kernel)
  conformance [--rootless] [CASE...]
                            the cases of testdata/build; CASE may be a pattern; with
                            --rootless as an ordinary user, and the digests beside root's
  bench [--only NAME] [--runs N] [--lap BINARY]
                            Lapstrake beside buildah, as a Markdown table
  tidy                      the project's own rules
  registry                  serve the base images, and S3 for caches, until Ctrl-C

Root and Debian (or a derivative) are needed by all but tidy: missing packages are installed.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(detail)) => {
            eprintln!("xtask: {detail}\n\n{USAGE}");
            ExitCode::from(2)
        }
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Outcome<()> {
    let project = Project::locate()?;
    let (task, rest) =
        arguments.split_first().map_or(("", arguments), |(task, rest)| (task.as_str(), rest));
    match task {
        "demo" => demo::run(&project),
        "test" => suite::run(&project, rest),
        "conformance" => conformance::run(&project, rest),
        "bench" => bench::run(&project, rest),
        "tidy" => tidy::run(&project),
        "registry" => registry::serve(&project),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(())
        }
        "" => Err(Failure::Usage("no task given".into())),
        other => Err(Failure::Usage(format!("unknown task {other}"))),
    }
}
