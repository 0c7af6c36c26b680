//! `lap lint`: what the linter finds in files, without a build.
//!
//! [`collect`] finds the files, [`config`] what their projects want, [`file`](mod@file) looks at one of
//! them; here all of them are looked at, and told about in the order in which they were named, without
//! what [`baseline`] knows.

mod baseline;
mod collect;
mod config;
mod file;

use std::fs;

use lapstrake_linter::{Day, Rule};
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use self::collect::{Input, Inputs};
use self::config::{Origin, Settings};
use self::file::{Linted, Task};
use super::explain;
use crate::args::{Lint, ReportFile, ReportFormat, Threshold};
use crate::diagnostics::{
    Count, Finding, Look, Report, annotations, checkstyle, codeclimate, findings, gitlab, junit,
    rdjson, rdjsonl, sarif,
};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;

/// For files.
const PLAIN: Look = Look { colour: false, width: None };

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
    let format = ReportFormat::chosen(lint.format).map_err(usage)?;
    let Inputs { found, failures } = collect::inputs(&lint.paths);
    let origin = match &lint.config {
        Some(path) => Origin::File(path),
        None if lint.no_config => Origin::None,
        None => Origin::Above,
    };
    let settings = config::load(&origin, &found)?;
    let tasks = found.iter().zip(&settings).map(|(input, settings)| task(lint, input, settings));
    let tasks: Vec<Task<'_>> = tasks.collect();
    let results: Vec<Result<Linted, Failure>> = tasks.par_iter().map(file::lint).collect();
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
    if let Some(path) = &lint.baseline {
        baseline::leave_out(path, &mut linted)?;
    }
    tell(lint, format, &linted)?;
    Ok(if unread.is_empty() { exit(&linted) } else { Exit::USAGE })
}

/// The day it is, in UTC.
pub(super) fn today() -> Option<Day> {
    Day::parse(&jiff::Timestamp::now().strftime("%F").to_string())
}

/// What was typed, or the configuration, is wrong.
fn usage(failure: Failure) -> Failure {
    failure.exit_with(Exit::USAGE)
}

/// What is typed comes before what the configuration says.
fn task<'a>(lint: &Lint, input: &'a Input, settings: &'a Settings) -> Task<'a> {
    let preset = lint.preset.or(settings.preset).unwrap_or_default().preset();
    let policy = &settings.policy;
    let looks = |rule: &&Rule| rule.presets.contains(&preset) || policy.severity(rule).is_some();
    let threshold = match lint.failure_threshold {
        Some(given) => given,
        None if settings.never_fails => Threshold::None,
        None => settings.threshold.unwrap_or_default(),
    };
    let rules = lapstrake_linter::all().filter(looks).collect();
    Task { input, rules, policy, threshold: threshold.severity() }
}

fn exit(linted: &[Linted]) -> Exit {
    if linted.iter().any(|one| one.is_broken) {
        return Exit::SYNTAX;
    }
    let counts = |one: &Linted| {
        let least = one.threshold;
        let mut severities = one.faults.iter().map(|fault| fault.diagnostic.severity);
        least.is_some_and(|least| severities.any(|severity| severity >= least))
    };
    if linted.iter().any(counts) { Exit::FAILED } else { Exit::SUCCESS }
}

/// Shows what was found, and writes it into the files that are asked for.
fn tell(lint: &Lint, format: ReportFormat, linted: &[Linted]) -> Result<(), Failure> {
    let reports: Vec<Report<'_>> = linted.iter().map(Linted::report).collect();
    for ReportFile { format, path } in &lint.output {
        fs::write(path, text(linted, &reports, *format, PLAIN)).map_err(|error| {
            let message = format!("cannot write the findings to {}", path.display());
            usage(Failure::new(message).because(&error))
        })?;
    }
    let text = || text(linted, &reports, format, Look::of_stdout());
    match format {
        _ if linted.is_empty() => Ok(()),
        ReportFormat::Human | ReportFormat::Short => output::stdout(&text()),
        _ => output::foreign(&text()),
    }
}

fn text(linted: &[Linted], reports: &[Report<'_>], format: ReportFormat, look: Look) -> String {
    let all = || -> Vec<Finding<'_>> {
        reports.iter().flat_map(|report| &report.findings).copied().collect()
    };
    let with_faults = || linted.iter().filter(|one| !one.faults.is_empty());
    match format {
        ReportFormat::Json => findings(&all()),
        ReportFormat::Github => annotations(&all()),
        ReportFormat::Sarif => sarif(reports),
        ReportFormat::Gitlab => gitlab(reports),
        ReportFormat::Codeclimate => codeclimate(reports),
        ReportFormat::Checkstyle => checkstyle(reports),
        ReportFormat::Junit => junit(reports),
        ReportFormat::Rdjson => rdjson(reports),
        ReportFormat::Rdjsonl => rdjsonl(reports),
        ReportFormat::Short => {
            let lists = with_faults().map(|one| one.source.list(&one.diagnostics()));
            lists.collect::<String>() + &summary(linted)
        }
        ReportFormat::Human => {
            let drawn = with_faults().map(|one| one.source.draw(&one.diagnostics(), look) + "\n");
            drawn.collect::<String>() + &summary(linted)
        }
    }
}

/// How many findings there are, in how many files, and what was known.
fn summary(linted: &[Linted]) -> String {
    let count = Count::of(linted.iter().flat_map(|one| &one.faults).map(|one| &one.diagnostic));
    let files = match linted {
        [only] => only.source.name().to_owned(),
        many => format!("{} files", many.len()),
    };
    let known = match linted.iter().map(|one| one.left_out).sum() {
        0_usize => String::new(),
        known => format!(", {known} known before"),
    };
    format!("{files}: {count}{known} (static: without context and base images)\n")
}
