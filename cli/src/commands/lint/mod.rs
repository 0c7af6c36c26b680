//! `lap lint`: what the linter finds in files, without a build.
//!
//! [`input`](super::input) finds the files, [`config`] what their projects want, [`file`](mod@file) looks at one of
//! them; here all of them are looked at, by [`shellcheck`] too if it is wanted, and told about in the order in
//! which they were named, without what [`baseline`] knows and what is on lines that are not [`changed`].

mod around;
mod baseline;
mod builds;
mod callers;
mod changed;
mod config;
mod context;
mod facts;
mod file;
mod git;
mod mending;
mod shellcheck;

use std::fs;
use std::path::Path;

use lapstrake_linter::{Day, Policy, Rule};
use lapstrake_parser::Safety;
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use self::around::Around;
pub(super) use self::around::{Machine, knowing_nothing};
pub(super) use self::builds::is_named;
use self::callers::Callers;
use self::config::{Origin, Settings};
use self::context::Contexts;
use self::facts::Facts;
use self::file::{Linted, Task};
use super::explain;
use super::input::{self, Input, Inputs, sorted};
use crate::args::{Lint, PresetName, ReportFile, ReportFormat, Threshold};
use crate::diagnostics::{
    Count, Finding, Look, Report, annotations, checkstyle, codacy, codeclimate, findings, gitlab,
    gnu, junit, markdown, rdjson, rdjsonl, sarif, sonarqube,
};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::session::Session;

/// For files.
const PLAIN: Look = Look { colour: false, width: None };

/// Lints the files.
pub(crate) fn run(session: &Session, lint: &Lint) -> Result<Exit, Failure> {
    if lint.rules {
        output::stdout(&explain::rules())?;
        return Ok(Exit::SUCCESS);
    }
    if let Some(name) = &lint.explain {
        explain::show(name).map_err(usage)?;
        return Ok(Exit::SUCCESS);
    }
    if lint.is_unsafe && !lint.fix && !lint.diff {
        let failure = Failure::new("`--unsafe` is for `--fix` and `--diff`");
        return Err(usage(failure.help("give it beside one of them")));
    }
    let format = ReportFormat::chosen(lint.format).map_err(usage)?;
    let Inputs { found, failures, .. } = input::inputs(&lint.paths);
    if lint.diff_base.is_some() && found.contains(&Input::Stdin) {
        let failure = Failure::new("standard input has no lines of an earlier revision");
        return Err(usage(
            failure.help("name the file in place of `-`, or leave `--diff-base` away"),
        ));
    }
    let origin = match &lint.config {
        Some(path) => Origin::File(path),
        None if lint.no_config => Origin::None,
        None => Origin::Above,
    };
    let settings = config::load(&origin, &found)?;
    let facts = if lint.no_store { None } else { Facts::new(session) };
    let contexts = Contexts::new(lint.context.as_deref())?;
    let callers = Callers::default();
    let (facts, contexts_of) = (facts.as_ref(), Some(&contexts));
    let around =
        Around { facts, contexts: contexts_of, callers: Some(&callers), is_for_checks: false };
    let inputs = found.iter().zip(&settings);
    let tasks = inputs.map(|(input, settings)| task(lint, input, settings, around));
    let tasks: Vec<Task<'_>> = tasks.collect();
    if lint.diff {
        return diff(lint, &tasks, failures);
    }
    let look = |task: &Task<'_>| if lint.fix { mend(lint, task) } else { file::lint(task) };
    let all = match lint.shellcheck {
        true => with_shellcheck(lint, &tasks)?,
        false => each(&tasks, look),
    };
    let (mut linted, mut unread) = sorted(all);
    unread.splice(..0, failures);
    unread.extend(contexts.failures());
    let others = Linted::others(&mut linted);
    linted.extend(others);
    unread.iter().for_each(|failure| output::stderr(&failure.text()));
    if linted.is_empty() && unread.is_empty() {
        return Err(input::none_found());
    }
    if let Some(path) = &lint.baseline {
        baseline::leave_out(path, &mut linted)?;
    }
    if let Some(revision) = &lint.diff_base {
        changed::leave_out(revision, &mut linted)?;
    }
    tell(lint, format, &linted)?;
    Ok(if unread.is_empty() { exit(&linted) } else { Exit::USAGE })
}

/// Shows what `--fix` would change.
fn diff(lint: &Lint, tasks: &[Task<'_>], failures: Vec<Failure>) -> Result<Exit, Failure> {
    let mended = |task: &Task<'_>| Ok(mending::mended(file::lint(task)?, task, least(lint)).diff());
    let (diffs, unread) = sorted(tasks.par_iter().map(mended).collect());
    failures.iter().chain(&unread).for_each(|failure| output::stderr(&failure.text()));
    output::foreign(&diffs.concat())?;
    Ok(match diffs.iter().all(String::is_empty) {
        _ if !failures.is_empty() || !unread.is_empty() => Exit::USAGE,
        _ if tasks.is_empty() => Exit::NO_FILES,
        true => Exit::SUCCESS,
        false => Exit::FAILED,
    })
}

/// Lints a file and makes its fixes.
fn mend(lint: &Lint, task: &Task<'_>) -> Result<Linted, Failure> {
    let mended = mending::mended(file::lint(task)?, task, least(lint));
    mended.write(task.input)?;
    Ok(Linted { made: mended.made, ..mended.linted })
}

/// Lints files, ShellCheck included: what that says is of the text in which the fixes have been made.
fn with_shellcheck(
    lint: &Lint,
    tasks: &[Task<'_>],
) -> Result<Vec<Result<Linted, Failure>>, Failure> {
    if !lint.fix {
        return shellcheck::lint(tasks);
    }
    let mended: Vec<_> = tasks.par_iter().map(|task| mend(lint, task)).collect();
    let all = shellcheck::lint(tasks)?.into_iter().zip(mended);
    Ok(all.map(|(linted, mended)| Ok(Linted { made: mended?.made, ..linted? })).collect())
}

/// The least safe fixes that are made.
const fn least(lint: &Lint) -> Safety {
    if lint.is_unsafe { Safety::Unsafe } else { Safety::Safe }
}

/// The day it is, in UTC.
pub(super) fn today() -> Option<Day> {
    Day::parse(&jiff::Timestamp::now().strftime("%F").to_string())
}

/// What was typed, or the configuration, is wrong.
fn usage(failure: Failure) -> Failure {
    failure.exit_with(Exit::USAGE)
}

/// Which rules look at a file, as the configuration above it says, what they are told, and whether they are a choice of no
/// other tool.
///
/// # Errors
/// As for [`config::load`].
pub(super) fn rules(input: &Input) -> Result<(Vec<&'static Rule>, Policy, bool), Failure> {
    let loaded = config::load(&Origin::Above, std::slice::from_ref(input))?;
    let settings = loaded.first().map(|settings| Settings::clone(settings)).unwrap_or_default();
    Ok((looking(None, &settings), settings.policy, is_own(settings.preset)))
}

/// What the configuration above a folder asks for. One with faults is told about, and asks for nothing.
pub(super) fn policy(folder: &Path) -> Policy {
    match config::above(folder) {
        Ok(settings) => settings.policy.clone(),
        Err(failure) => {
            output::stderr(&failure.text());
            Policy::default()
        }
    }
}

/// The rules that look where no configuration says something else.
pub(super) fn usual_rules() -> Vec<&'static Rule> {
    looking(None, &Settings::default())
}

/// The rules that look.
fn looking(preset: Option<PresetName>, settings: &Settings) -> Vec<&'static Rule> {
    let preset = preset.or(settings.preset).unwrap_or_default().preset();
    let policy = &settings.policy;
    let looks = |rule: &&Rule| rule.presets.contains(&preset) || policy.severity(rule).is_some();
    lapstrake_linter::all().filter(looks).collect()
}

/// What is typed comes before what the configuration says.
fn task<'a>(lint: &Lint, input: &'a Input, settings: &'a Settings, around: Around<'a>) -> Task<'a> {
    let threshold = match lint.failure_threshold {
        Some(given) => given,
        None if settings.never_fails => Threshold::None,
        None => settings.threshold.unwrap_or_default(),
    };
    let rules = looking(lint.preset, settings);
    let preset = lint.preset.or(settings.preset).unwrap_or_default();
    let is_own = is_own(Some(preset));
    let around = match preset {
        PresetName::Recommended | PresetName::Strict => around,
        // BuildKit knows base images, and what `.dockerignore` leaves out.
        PresetName::Buildkit => Around { is_for_checks: true, ..around },
        // hadolint looks at the file alone.
        PresetName::Hadolint => Around::default(),
    };
    let (policy, threshold) = (&settings.policy, threshold.severity());
    Task { input, rules, policy, threshold, is_own, around }
}

/// True for a choice of rules that no other tool has made.
fn is_own(preset: Option<PresetName>) -> bool {
    matches!(preset.unwrap_or_default(), PresetName::Recommended | PresetName::Strict)
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
        ReportFormat::Sonarqube => sonarqube(reports),
        ReportFormat::Markdown => markdown(reports),
        ReportFormat::Gnu => gnu(reports),
        ReportFormat::Codacy => codacy(reports),
        ReportFormat::Short => {
            texts(linted, |one| one.source.list(&one.diagnostics())) + &summary(linted)
        }
        ReportFormat::Human => {
            texts(linted, |one| one.source.draw(&one.diagnostics(), look) + "\n") + &summary(linted)
        }
    }
}

/// The texts of all files in which something was found, one behind the other.
fn texts(linted: &[Linted], text: impl Fn(&Linted) -> String + Send + Sync) -> String {
    let of_one = |one: &Linted| if one.faults.is_empty() { String::new() } else { text(one) };
    each(linted, of_one).concat()
}

/// What comes of each, in their order, by all threads; of one by this one, so that no others are started for it.
fn each<T: Sync, U: Send>(all: &[T], make: impl Fn(&T) -> U + Send + Sync) -> Vec<U> {
    match all {
        [only] => vec![make(only)],
        many => many.par_iter().map(make).collect(),
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
    let old = match linted.iter().map(|one| one.on_old_lines).sum() {
        0_usize => String::new(),
        old => format!(", {old} on lines that did not change"),
    };
    let made = match linted.iter().map(|one| one.made).sum() {
        0_usize => String::new(),
        1 => ", 1 fix made".to_owned(),
        made => format!(", {made} fixes made"),
    };
    let knows_base = linted.iter().any(|one| one.knows_base);
    let level = match (linted.iter().any(|one| one.knows_context), knows_base) {
        (true, true) => "with context and store",
        (true, false) => "with context: without base images",
        (false, true) => "with store: without context",
        (false, false) => "static: without context and base images",
    };
    format!("{files}: {count}{known}{old}{made} ({level})\n")
}
