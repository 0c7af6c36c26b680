//! Large trees: what a build costs of which little or nothing is new.

use super::Bench;
use super::case::FILES;
use super::input;
use super::measure::peak;
use super::table::Row;
use crate::failure::Outcome;

const MANY: usize = 200_000;

/// Nothing changed of very many files, and what the process holds in memory meanwhile.
pub(super) fn many(bench: &Bench) -> Outcome<Vec<Row>> {
    let context = bench.context("many")?;
    input::copy(&context, MANY)?;
    let medians = bench.warm(&context)?;
    let resident = peak(&bench.ours.build(&context))?;
    println!("200,000 files, nothing changed: {} MB resident (goal: < 200)", resident / 1_000_000);
    Ok(Row::each(bench, "nothing changed: 200,000 files", medians, "≤ 450 ms"))
}

/// Nothing changed, but of no file is known that it did not.
pub(super) fn cloned(bench: &Bench) -> Outcome<Vec<Row>> {
    let context = bench.context("cloned")?;
    input::copy(&context, FILES)?;
    bench.round(&context)?;
    let medians = bench.rounds(&context, |_| input::clone(&context))?;
    Ok(Row::each(bench, "20,000 files (80 MB) cloned again", medians, "≤ 250 ms"))
}

/// A copy from a stage that is there, onto something else each time.
pub(super) fn from(bench: &Bench) -> Outcome<Vec<Row>> {
    let context = bench.context("from")?;
    input::tree(&context.join("src"), FILES)?;
    input::taken(&context, 0)?;
    bench.round(&context)?;
    let medians = bench.rounds(&context, |run| input::taken(&context, run + 1))?;
    Ok(Row::each(bench, "`COPY --from` of 20,000 files", medians, ""))
}
