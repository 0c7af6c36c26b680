//! Steps with a heading and the time they took.

use std::time::Instant;

use crate::failure::Outcome;

/// Prints a heading, does the work, prints how long it took and whether it went well.
pub(crate) fn step<T>(name: &str, work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    println!("== {name}");
    let start = Instant::now();
    let outcome = work();
    let word = if outcome.is_ok() { "done" } else { "FAILED" };
    println!("== {name}: {word} in {:.2} s", start.elapsed().as_secs_f64());
    outcome
}
