//! `lap lint`: what the linter finds in files, without a build.
//!
//! [`collect`] finds the files, [`file`](mod@file) looks at one of them; here all of them are looked
//! at, and told about in the order in which they were named.

mod collect;
mod file;

use lapstrake_linter::Rule;
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use self::collect::{Input, Inputs};
use self::file::Linted;
use super::explain;
use crate::args::{Lint, ReportFormat, Threshold};
use crate::diagnostics::{Count, Finding, Look, annotations, findings};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;

/// Lints the files.
pub(crate) fn run(lint: &Lint) -> Result<Exit, Failure> {
    if lint.rules {
        output::stdout(&explain::rules())?;
        return Ok(Exit::SUCCESS);
    }
    if let Some(name) = &lint.explain {
        explain::show(name).map_err(usage)?;
        return Ok(Exit::SUCCESS);
    }
    let preset = lint.preset.preset();
    let format = ReportFormat::chosen(lint.format).map_err(usage)?;
    let rules: Vec<&'static Rule> =
        lapstrake_linter::all().filter(|rule| rule.presets.contains(&preset)).collect();
    let Inputs { found, failures } = collect::inputs(&lint.paths);
    let read = |input: &Input| file::lint(input, &rules);
    let results: Vec<Result<Linted, Failure>> = found.par_iter().map(read).collect();
    let mut linted = Vec::with_capacity(results.len());
    let mut unread = failures;
    for result in results {
        match result {
            Ok(one) => linted.push(one),
            Err(failure) => unread.push(failure),
        }
    }
    unread.iter().for_each(|failure| output::stderr(&failure.text()));
    if linted.is_empty() && unread.is_empty() {
        let failure = Failure::new("no Dockerfile found").exit_with(Exit::NO_FILES);
        return Err(failure.help("files are found by their names, such as Dockerfile.dev"));
    }
    if !linted.is_empty() {
        output::stdout(&text(&linted, format))?;
    }
    Ok(if unread.is_empty() { exit(&linted, lint.failure_threshold) } else { Exit::USAGE })
}

/// What was typed, or the configuration, is wrong.
fn usage(failure: Failure) -> Failure {
    failure.exit_with(Exit::USAGE)
}

fn exit(linted: &[Linted], threshold: Threshold) -> Exit {
    let mut found = linted.iter().flat_map(|one| &one.faults);
    match threshold.severity() {
        _ if linted.iter().any(|one| one.is_broken) => Exit::SYNTAX,
        Some(least) if found.any(|fault| fault.diagnostic.severity >= least) => Exit::FAILED,
        _ => Exit::SUCCESS,
    }
}

fn text(linted: &[Linted], format: ReportFormat) -> String {
    let with_faults = || linted.iter().filter(|one| !one.faults.is_empty());
    match format {
        ReportFormat::Json => findings(&all(linted)),
        ReportFormat::Github => annotations(&all(linted)),
        ReportFormat::Short => {
            let lists = with_faults().map(|one| one.source.list(&one.diagnostics()));
            lists.collect::<String>() + &summary(linted)
        }
        ReportFormat::Human => {
            let look = Look::of_stdout();
            let drawn = with_faults().map(|one| one.source.draw(&one.diagnostics(), look) + "\n");
            drawn.collect::<String>() + &summary(linted)
        }
    }
}

/// What was found in all files.
fn all(linted: &[Linted]) -> Vec<Finding<'_>> {
    let found = linted.iter().flat_map(|one| {
        one.faults.iter().map(|fault| Finding {
            source: &one.source,
            diagnostic: &fault.diagnostic,
            aliases: fault.aliases,
        })
    });
    found.collect()
}

/// How many findings there are, in how many files, and what was known.
fn summary(linted: &[Linted]) -> String {
    let count = Count::of(linted.iter().flat_map(|one| &one.faults).map(|one| &one.diagnostic));
    let files = match linted {
        [only] => only.source.name().to_owned(),
        many => format!("{} files", many.len()),
    };
    format!("{files}: {count} (static: without context and base images)\n")
}
