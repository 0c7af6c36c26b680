//! What is measured. Each case makes its own input and gives the rows of the table.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Bench;
use super::image;
use super::input;
use super::lint;
use super::measure::{Medians, Pair, median, medians, time, time_settled};
use super::sandbox;
use super::table::Row;
use super::tree;
use crate::failure::{Outcome, Subject};

pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) measure: fn(&Bench) -> Outcome<Vec<Row>>,
}

pub(crate) const CASES: [Case; 14] = [
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
    Ok(vec![Row::of("nothing changed: 12 instructions, 200 files", medians, "≤ 8 ms")])
}

fn files(bench: &Bench) -> Outcome<Vec<Row>> {
    let context = bench.context("files")?;
    input::copy(&context, FILES)?;
    let medians = bench.warm(&context)?;
    Ok(vec![Row::of("nothing changed: 20,000 files", medians, "≤ 40 ms")])
}

fn changed(bench: &Bench) -> Outcome<Vec<Row>> {
    let context = bench.context("changed")?;
    input::copy(&context, FILES)?;
    bench.pair(&context)?;
    let file = context.join("src/100/10000.txt");
    let medians = bench.pairs(&context, |run| input::write(&file, &format!("change {run}\n")))?;
    Ok(vec![Row::of("one of 20,000 files changed", medians, "≤ 250 ms")])
}

fn stages(bench: &Bench) -> Outcome<Vec<Row>> {
    let context = bench.context("stages")?;
    bench.pull(&context)?;
    let medians = bench.pairs(&context, |run| input::stages(&context, run))?;
    Ok(vec![Row::of("four independent stages of 2 s", medians, "≤ 2.15 s")])
}

/// A chain's wall time, once with its RUN lines and once without: the difference is what they cost.
fn chain(bench: &Bench) -> Outcome<Vec<Row>> {
    let context = bench.context("chain")?;
    bench.pull(&context)?;
    let with = bench.pairs(&context, |run| input::chain(&context, LINES, run))?;
    let without = bench.pairs(&context, |run| input::chain(&context, 0, run))?;
    let plain = plain_command(bench)?;
    let each = |seconds: f64| seconds / LINES as f64;
    let own = |with: f64, without: f64| each(with - without) - plain;
    let (ours, theirs) = (own(with.ours, without.ours), own(with.theirs, without.theirs));
    let wall = Medians { ours: each(with.ours), theirs: each(with.theirs), ratio: with.ratio };
    Ok(vec![
        Row::of("each RUN line of 30", wall, "≥ 20×"),
        Row::of(
            "of that the builder's own",
            Medians { ours, theirs, ratio: theirs / ours },
            "≤ 5 ms",
        ),
    ])
}

fn start(bench: &Bench) -> Outcome<Vec<Row>> {
    let mut pairs = Vec::new();
    for _ in 0..STARTS {
        pairs.push(Pair { ours: time(bench.ours.start())?, theirs: time(bench.theirs.start())? });
    }
    Ok(vec![Row::of("start-up: `--version`", medians(&pairs), "≤ 2 ms")])
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

    /// One build with each. Both flush the disk that they share at some point, so what the other one
    /// wrote is flushed before.
    pub(super) fn pair(&self, context: &Path) -> Outcome<Pair> {
        Ok(Pair {
            ours: time_settled(self.ours.build(context))?,
            theirs: time_settled(self.theirs.build(context))?,
        })
    }

    /// As many pairs as asked for, with something done to the input before each.
    pub(super) fn pairs(
        &self,
        context: &Path,
        mut before: impl FnMut(usize) -> Outcome<()>,
    ) -> Outcome<Medians> {
        let mut pairs = Vec::new();
        for run in 1..=self.runs {
            before(run)?;
            pairs.push(self.pair(context)?);
        }
        Ok(medians(&pairs))
    }

    /// Builds that find everything done.
    pub(super) fn warm(&self, context: &Path) -> Outcome<Medians> {
        self.pair(context)?;
        self.pairs(context, |_| Ok(()))
    }

    /// Has both fetch the base image, so that no case measures the registry.
    fn pull(&self, context: &Path) -> Outcome<()> {
        input::chain(context, 1, 0)?;
        self.pair(context).map(|_| ())
    }
}
