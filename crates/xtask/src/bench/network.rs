//! What networks of commands' own take: beside the same commands on the host's network.

use std::process::Command;
use std::time::Duration;

use super::Bench;
use super::input;
use super::measure::{Pair, medians, time, time_settled};
use super::table::Row;
use crate::failure::Outcome;
use crate::process;

const RUNS: usize = 21;

const HOST: &str = "the host's network";

pub(super) fn network(bench: &Bench) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    process::quiet(&mut bench.ours.command(&["pull", "-q", "busybox"]))?;
    for (lines, what) in [(1, "a build of one RUN line"), (30, "a build of 30 RUN lines")] {
        let mut pairs = Vec::new();
        for run in 0..RUNS {
            let ours = built(bench, lines, (run, "default"))?;
            pairs.push(Pair { ours, theirs: built(bench, lines, (run, "host"))? });
        }
        rows.push(Row::of(what, medians(&pairs), "").beside(HOST));
    }
    let run = |network: &str| -> Command {
        bench.ours.command(&["run", "--rm", "--network", network, "busybox", "true"])
    };
    let mut pairs = Vec::new();
    for _ in 0..RUNS {
        pairs.push(Pair { ours: time(run("default"))?, theirs: time(run("host"))? });
    }
    rows.push(Row::of("`lap run busybox true`", medians(&pairs), "").beside(HOST));
    Ok(rows)
}

/// Lines that nobody has built before.
fn built(bench: &Bench, lines: usize, (run, network): (usize, &str)) -> Outcome<Duration> {
    let context = bench.context(&format!("network-{network}"))?;
    input::chain(&context, lines, run)?;
    let mut command = bench.ours.command(&["build", "-q", "-t", network, "--network", network]);
    command.arg("--no-cache").arg(&context);
    time_settled(command)
}
