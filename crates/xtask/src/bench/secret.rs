//! What it takes to look for secrets: a step that writes 1 GiB of noise, with secrets and without.

use std::process::Command;
use std::time::Duration;

use super::Bench;
use super::input;
use super::measure::{Pair, medians, time_settled};
use super::table::Row;
use crate::failure::{Outcome, Subject as _, wrong};
use crate::process;

const GIBIBYTE: u64 = 1 << 30;

const COUNTS: [(usize, &str); 3] = [
    (1, "1 GiB written by a step with 1 secret"),
    (5, "the same with 5 secrets"),
    (20, "the same with 20 secrets"),
];

pub(super) fn secret(bench: &Bench) -> Outcome<Vec<Row>> {
    let context = bench.context("secret")?;
    input::noise(&context.join("noise"), GIBIBYTE)?;
    input::write(&context.join("Dockerfile"), "FROM busybox\nCOPY noise /\n")?;
    let place = context.display().to_string();
    process::quiet(&mut bench.ours.command(&["build", "-q", "-t", "noise", &place]))?;
    let mut rows = Vec::new();
    for (count, what) in COUNTS {
        let mut pairs = Vec::new();
        for run in 0..bench.runs {
            let ours = step(bench, count, (count, run))?;
            pairs.push(Pair { ours, theirs: step(bench, 0, (count, run))? });
        }
        rows.push(Row::of(what, medians(&pairs), "").beside("without secrets"));
    }
    Ok(rows)
}

/// A step that nobody has built before and that copies the noise of its base, with so many secrets of 40 characters. What earlier ones made
/// is removed first.
fn step(bench: &Bench, secrets: usize, (count, run): (usize, usize)) -> Outcome<Duration> {
    let context = bench.context("secret-step")?;
    for words in [&["image", "prune", "-f"][..], &["cache", "prune"]] {
        process::quiet(&mut bench.ours.command(words))?;
    }
    let names = || (0..secrets).map(|number| format!("secret-{number}"));
    let mounts: String = names().map(|id| format!("--mount=type=secret,id={id} ")).collect();
    let text = format!("FROM noise\nRUN {mounts}: {count} {secrets} {run}; cp /noise /copy\n");
    input::write(&context.join("Dockerfile"), &text)?;
    let mut command: Command = bench.ours.command(&["build", "-q", "-t", "bench"]);
    for id in names() {
        let file = bench.disk.path(&id);
        input::write(&file, &token()?)?;
        command.arg("--secret").arg(format!("id={id},src={}", file.display()));
    }
    command.arg(&context);
    time_settled(command)
}

/// 40 digits that nobody has seen before.
fn token() -> Outcome<String> {
    let path = std::path::Path::new("/proc/sys/kernel/random/uuid");
    let read = || std::fs::read_to_string(path).on("read", path);
    let digits: String = (read()? + &read()?).chars().filter(char::is_ascii_hexdigit).collect();
    let token = digits.get(..40).map(str::to_owned);
    token.ok_or_else(|| wrong(path.display().to_string(), "it has too few digits".to_owned()))
}
