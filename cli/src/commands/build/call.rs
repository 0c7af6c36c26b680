//! `--check` and `--call`: what is to be known of a Dockerfile without building it.

use std::sync::{Mutex, PoisonError};

use lapstrake_linter::{Credential, Outline};
use lapstrake_parser::{Diagnostic, Severity};
use lapstrake_solver::Error;
use lapstrake_solver::lower::{Options, Plan};
use serde_json::{Value, json};

use super::check::{Beside, Check};
use super::context::Inputs;
use super::faults::Faults;
use super::named::Named;
use super::{Means, format, mode, options, parse, request, with_means};
use crate::args::{Build, Method};
use crate::diagnostics::{Format, Source};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::fetcher::Fetcher;
use crate::progress::{Activity, Conclusion, Mode, Progress};
use crate::session::Session;
use crate::{output, table};

/// Makes the checks that a build makes, for all stages unless one is named, and tells what was found.
/// Fails if something was.
pub(super) fn check(build: &Build, session: &Session) -> Result<Exit, Failure> {
    let format = format(build)?;
    with_means(build, session, Mode::Quiet, |means| {
        let file = File::read(build, means)?;
        let (source, undecodable) = file.source();
        let mut faults = Faults::as_result(&source, format);
        let look = |check: &Check<'_>, plan: &Plan| check.review(plan);
        match survey(build, means, (file, undecodable), &mut faults, &look) {
            // Without a fault to tell, it is not the file that is wrong.
            Err(failure) if faults.is_empty() => Err(failure),
            _ => Ok(if faults.conclude()? { Exit::FAILED } else { Exit::SUCCESS }),
        }
    })
}

/// Tells what the target takes.
pub(super) fn outline(build: &Build, session: &Session) -> Result<Exit, Failure> {
    with_means(build, session, mode(build)?, |means| outline_with(build, means))
}

fn outline_with(build: &Build, means: &Means<'_>) -> Result<Exit, Failure> {
    let format = format(build)?;
    let file = File::read(build, means)?;
    let (source, undecodable) = file.source();
    let mut faults = Faults::new(&source, format, means.mode);
    let seen = Mutex::new(None);
    let look = |check: &Check<'_>, plan: &Plan| {
        // Platforms differ in values, not in what a target takes.
        let Some(image) = plan.images.first() else { return Vec::new() };
        let outline =
            lapstrake_linter::outline(check.source, check.dockerfile, &check.known_of(image));
        let targets = lapstrake_linter::targets(check.dockerfile);
        let target = targets.into_iter().nth(image.number);
        *seen.lock().unwrap_or_else(PoisonError::into_inner) =
            target.map(|target| (target, outline));
        Vec::new()
    };
    let surveyed = survey(build, means, (file, undecodable), &mut faults, &look);
    let seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
    let Some((target, outline)) = seen else {
        faults.end(None)?;
        return Err(surveyed.err().unwrap_or_else(|| Failure::told(Exit::FAILED)));
    };
    output::stdout(&match format {
        Format::Json => pretty(&json!({
            "name": target.name,
            "description": target.description,
            "args": outline.arguments.iter().map(|argument| json!({
                "name": argument.name,
                "value": argument.value,
                "description": argument.description,
                "line": source.line_at(argument.span.start),
            })).collect::<Vec<_>>(),
            "secrets": credentials(&outline.secrets, &source),
            "ssh": credentials(&outline.agents, &source),
        })),
        Format::Human | Format::Short => outline_text(&target.name, &target.description, &outline),
    })?;
    Ok(Exit::SUCCESS)
}

/// Tells which stages can be built.
pub(super) fn targets(build: &Build, session: &Session) -> Result<Exit, Failure> {
    with_means(build, session, mode(build)?, |means| targets_with(build, means))
}

fn targets_with(build: &Build, means: &Means<'_>) -> Result<Exit, Failure> {
    let format = format(build)?;
    let (source, undecodable) = File::read(build, means)?.source();
    let mut faults = Faults::new(&source, format, means.mode);
    let parsed = lapstrake_parser::parse(source.text());
    let found = parsed.diagnostics.into_iter().chain(undecodable);
    if let Err(failure) = faults.tell(found.collect()) {
        faults.end(None)?;
        return Err(failure);
    }
    let targets = lapstrake_linter::targets(&parsed.dockerfile);
    output::stdout(&match format {
        Format::Json => pretty(&json!({
            "targets": targets.iter().map(|target| json!({
                "name": target.name,
                "default": target.is_default,
                "description": target.description,
                "base": target.base,
                "platform": target.platform,
                "line": source.line_at(target.span.start),
            })).collect::<Vec<_>>(),
        })),
        Format::Human | Format::Short => {
            let row = |target: &lapstrake_linter::Target| {
                let name = match (target.name.as_str(), target.is_default) {
                    ("", true) => "(default)".to_owned(),
                    (name, true) => format!("{name} (default)"),
                    (name, false) => name.to_owned(),
                };
                [name, target.description.clone()]
            };
            let rows: Vec<_> = targets.iter().map(row).collect();
            table::table(["TARGET", "DESCRIPTION"], &rows)
        }
    })?;
    Ok(Exit::SUCCESS)
}

/// What is looked at.
struct File {
    inputs: Inputs,
    named: Named,
    options: Options,
}

impl File {
    /// Reads it and what the command line says of it.
    fn read(build: &Build, means: &Means<'_>) -> Result<Self, Failure> {
        let mut named = Named::read(&build.contexts)?;
        let every_stage = build.method() == Method::Check && build.target.is_none();
        let options = options(build, named.contexts.clone())?;
        let mut options = Options { every_stage, ..options };
        let inputs = means.inputs(build, &mut named, &mut options)?;
        Ok(Self { inputs, named, options })
    }

    /// Its text, and a fault if that is none.
    fn source(&self) -> (Source, Option<Diagnostic>) {
        Source::read(&self.inputs.name, &self.inputs.dockerfile)
    }
}

/// Looks at a plan. What it returns are faults.
type Look<'l> = &'l (dyn Fn(&Check<'_>, &Plan) -> Vec<Diagnostic> + Sync);

/// Plans the build without carrying it out, and has the plan looked at. Tells all that is wrong.
fn survey(
    build: &Build,
    means: &Means<'_>,
    (file, undecodable): (File, Option<Diagnostic>),
    faults: &mut Faults<'_>,
    look: Look<'_>,
) -> Result<(), Failure> {
    let File { inputs, named, options } = file;
    let beside = Beside::of(&inputs);
    let dockerfile = parse(faults, undecodable, &options, &beside)?;
    let check = Check::new(faults.source().text(), &dockerfile, &options, &beside)?;
    let images = Fetcher::new(means.store, build.pull, named.layouts)?.without_layers();
    let mut request = request(&dockerfile, inputs, options, Vec::new());
    for (name, files) in named.files {
        request.contexts.insert(name, files);
    }
    let progress = Progress::new(Mode::Quiet, Activity::Build);
    let (events, review) = (|event| progress.event(event), |plan: &Plan| look(&check, plan));
    let surveyed = lapstrake_solver::survey(&request, &means.tools(&images, &events, &review));
    let stopped = means.watch.exit();
    progress.finish(&Conclusion::Done);
    match surveyed {
        Ok(()) => faults.tell(check.take()),
        Err(Error::Cancelled) => Err(Failure::told(stopped.unwrap_or(Exit::FAILED))),
        Err(error) => {
            let failure = Failure::of(&error);
            let mut found = error.into_faults();
            // A check that was made has looked at everything.
            if found.iter().all(|fault| lapstrake_linter::rule(fault.code).is_none()) {
                found.extend(check.look(true));
            }
            match found.iter().any(|fault| fault.severity == Severity::Error) {
                true => faults.tell(found),
                false => Err(failure),
            }
        }
    }
}

fn credentials(credentials: &[Credential], source: &Source) -> Vec<Value> {
    let value = |one: &Credential| {
        json!({
            "name": one.id,
            "required": one.is_required,
            "line": source.line_at(one.span.start),
        })
    };
    credentials.iter().map(value).collect()
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn outline_text(name: &str, description: &str, outline: &Outline) -> String {
    let mut text = String::new();
    if !name.is_empty() || !description.is_empty() {
        let name = if name.is_empty() { "(default)" } else { name };
        text += &format!("TARGET:        {name}\n");
    }
    if !description.is_empty() {
        text += &format!("DESCRIPTION:   {description}\n");
    }
    let arguments = outline.arguments.iter();
    let arguments: Vec<_> = arguments
        .map(|one| [one.name.clone(), one.value.clone(), one.description.clone()])
        .collect();
    let mut tables = Vec::new();
    if !arguments.is_empty() {
        tables.push(table::table(["BUILD ARG", "VALUE", "DESCRIPTION"], &arguments));
    }
    for (header, list) in [("SECRET", &outline.secrets), ("SSH", &outline.agents)] {
        let rows = list
            .iter()
            .map(|one| [one.id.clone(), if one.is_required { "true" } else { "" }.to_owned()]);
        let rows: Vec<_> = rows.collect();
        if !rows.is_empty() {
            tables.push(table::table([header, "REQUIRED"], &rows));
        }
    }
    if !text.is_empty() && !tables.is_empty() {
        text.push('\n');
    }
    text + &tables.join("\n")
}
