//! What is measured. Each case makes its own input and gives the rows of the table.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::Bench;
use super::image;
use super::input;
use super::lint;
use super::measure::{Medians, Round, beside_each, median, time, time_settled};
use super::network;
use super::sandbox;
use super::secret;
use super::table::Row;
use super::tool::Tool;
use super::tree;
use crate::failure::{Outcome, Subject};

pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) measure: fn(&Bench) -> Outcome<Vec<Row>>,
}

pub(crate) const CASES: [Case; 16] = [
    Case {
        name: "unchanged",
        about: "12 instructions and 200 files, nothing changed",
        measure: unchanged,
    },
    Case { name: "chain", about: "30 RUN lines", measure: chain },
    Case { name: "files", about: "20,000 files, nothing changed", measure: files },
    Case { name: "changed", about: "20,000 files, one of them changed", measure: changed },
    Case { name: "many", about: "200,000 files, nothing changed", measure: tree::many },
    Case { name: "cloned", about: "the same 20,000 files, cloned again", measure: tree::cloned },
    Case { name: "from", about: "20,000 files of a stage, copied", measure: tree::from },
    Case { name: "stages", about: "four independent stages of 2 s", measure: stages },
    Case { name: "pull", about: "an image of 30 MB into an empty store", measure: image::pull },
    Case {
        name: "push",
        about: "300 MB, half of them compressible, and the same again",
        measure: image::push,
    },
    Case { name: "save", about: "1 GiB of noise as an archive", measure: image::save },
    Case { name: "sandbox", about: "`true` in a fresh sandbox", measure: sandbox::sandbox },
    Case { name: "network", about: "networks of commands' own", measure: network::network },
    Case { name: "secret", about: "1 GiB written by a step with secrets", measure: secret::secret },
    Case { name: "lint", about: "real Dockerfiles, all and one", measure: lint::lint },
    Case { name: "start", about: "start and end of the program", measure: start },
];

const LINES: usize = 30;
pub(super) const FILES: usize = 20_000;
const STARTS: usize = 41;

fn unchanged(bench: &Bench) -> Outcome<Vec<Row>> {
    let context = bench.context("unchanged")?;
    input::service(&context)?;
    let medians = bench.warm(&context)?;
    Ok(Row::each(bench, "nothing changed: 12 instructions, 200 files", medians, "≤ 8 ms"))
}

fn files(bench: &Bench) -> Outcome<Vec<Row>> {
    let context = bench.context("files")?;
    input::copy(&context, FILES)?;
    let medians = bench.warm(&context)?;
    Ok(Row::each(bench, "nothing changed: 20,000 files", medians, "≤ 40 ms"))
}

fn changed(bench: &Bench) -> Outcome<Vec<Row>> {
    let context = bench.context("changed")?;
    input::copy(&context, FILES)?;
    bench.round(&context)?;
    let file = context.join("src/100/10000.txt");
    let medians = bench.rounds(&context, |run| input::write(&file, &format!("change {run}\n")))?;
    Ok(Row::each(bench, "one of 20,000 files changed", medians, "≤ 250 ms"))
}

fn stages(bench: &Bench) -> Outcome<Vec<Row>> {
    let context = bench.context("stages")?;
    bench.pull(&context)?;
    let medians = bench.rounds(&context, |run| input::stages(&context, run))?;
    Ok(Row::each(bench, "four independent stages of 2 s", medians, "≤ 2.15 s"))
}

/// A chain's wall time, once with its RUN lines and once without: the difference is what they cost.
fn chain(bench: &Bench) -> Outcome<Vec<Row>> {
    let context = bench.context("chain")?;
    bench.pull(&context)?;
    let with = bench.rounds(&context, |run| input::chain(&context, LINES, run))?;
    let without = bench.rounds(&context, |run| input::chain(&context, 0, run))?;
    let plain = plain_command(bench)?;
    let each = |seconds: f64| seconds / LINES as f64;
    let own = |(with, without): (&Medians, &Medians)| {
        let own = |with: f64, without: f64| each(with - without) - plain;
        let (ours, theirs) = (own(with.ours, without.ours), own(with.theirs, without.theirs));
        Medians { ours, theirs, ratio: theirs / ours }
    };
    let own: Vec<_> = with.iter().zip(&without).map(own).collect();
    let line = |with: Medians| Medians { ours: each(with.ours), theirs: each(with.theirs), ..with };
    let lines = with.into_iter().map(line).collect();
    let lines = Row::each(bench, "each RUN line of 30", lines, "≥ 20×");
    let own = Row::each(bench, "of that the builder's own", own, "≤ 5 ms");
    Ok(lines.into_iter().chain(own).collect())
}

fn start(bench: &Bench) -> Outcome<Vec<Row>> {
    let round = || bench.each(|tool| time(tool.start()));
    let rounds = (0..STARTS).map(|_| round()).collect::<Outcome<Vec<_>>>()?;
    Ok(Row::each(bench, "start-up: `--version`", beside_each(&rounds), "≤ 2 ms"))
}

/// What the command of a RUN line takes by itself, started on the host.
fn plain_command(bench: &Bench) -> Outcome<f64> {
    let mut times = Vec::new();
    for run in 0..STARTS {
        let mut command = Command::new("/bin/busybox");
        let file = bench.disk.path("plain");
        command.args(["sh", "-c", &format!("echo {run} > {}", file.display())]);
        times.push(time(command)?.as_secs_f64());
    }
    Ok(median(times))
}

impl Bench<'_> {
    /// An empty context on the disk.
    pub(super) fn context(&self, name: &str) -> Outcome<PathBuf> {
        let path = self.disk.path("contexts").join(name);
        std::fs::create_dir_all(&path).on("create", &path)?;
        Ok(path)
    }

    /// One build with each. All flush the disk that they share at some point, so what the others
    /// wrote is flushed before.
    pub(super) fn round(&self, context: &Path) -> Outcome<Round> {
        self.each(|tool| time_settled(tool.build(context)))
    }

    fn each(&self, time: impl Fn(&Tool) -> Outcome<Duration>) -> Outcome<Round> {
        let ours = time(&self.ours)?;
        Ok(Round { ours, theirs: self.peers().map(time).collect::<Outcome<_>>()? })
    }

    /// As many rounds as asked for, with something done to the input before each; ours beside each peer.
    pub(super) fn rounds(
        &self,
        context: &Path,
        mut before: impl FnMut(usize) -> Outcome<()>,
    ) -> Outcome<Vec<Medians>> {
        let mut rounds = Vec::new();
        for run in 1..=self.runs {
            before(run)?;
            rounds.push(self.round(context)?);
        }
        Ok(beside_each(&rounds))
    }

    /// Builds that find everything done.
    pub(super) fn warm(&self, context: &Path) -> Outcome<Vec<Medians>> {
        self.round(context)?;
        self.rounds(context, |_| Ok(()))
    }

    /// Has all fetch the base image, so that no case measures the registry.
    fn pull(&self, context: &Path) -> Outcome<()> {
        input::chain(context, 1, 0)?;
        self.round(context).map(|_| ())
    }
}
