//! `lap fmt`: brings Dockerfiles into one form. `docs/fmt.md` says which.

use lapstrake_parser::{Diagnostic, Severity};
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use super::input::{self, Input, Inputs, sorted};
use crate::args::Fmt;
use crate::diagnostics::{Look, Source};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;

/// A file, and what it is in the one form.
struct Formatted<'a> {
    input: &'a Input,
    source: Source,
    text: String,
}

impl Formatted<'_> {
    fn changes(&self) -> bool {
        self.source.text() != self.text
    }
}

/// A file that stays as it is.
struct Refused {
    /// What is wrong with it, drawn.
    faults: String,
    failure: Failure,
}

/// Formats the files, or tells which are not formatted.
pub(crate) fn run(fmt: &Fmt) -> Result<Exit, Failure> {
    let Inputs { found, failures, .. } = input::inputs(&fmt.paths);
    if found.is_empty() && failures.is_empty() {
        return Err(input::none_found());
    }
    let unread = failures.into_iter().map(|failure| failure.exit_with(Exit::USAGE));
    let (formatted, refused) = sorted(found.par_iter().map(format).collect());
    refused.iter().for_each(|one: &Refused| output::stderr(&one.faults));
    let mut failures: Vec<_> = unread.chain(refused.into_iter().map(|one| one.failure)).collect();
    let changes = formatted.iter().any(Formatted::changes);
    if fmt.check || fmt.diff {
        show(fmt, &formatted)?;
    } else {
        failures.extend(formatted.iter().filter_map(|one| deliver(one).err()));
    }
    failures.iter().for_each(|failure| output::stderr(&failure.text()));
    let worst = failures.iter().map(Failure::exit);
    Ok(worst.max_by_key(|exit| exit.code()).unwrap_or(match changes && (fmt.check || fmt.diff) {
        true => Exit::FAILED,
        false => Exit::SUCCESS,
    }))
}

/// Reads a file and brings it into the one form.
fn format(input: &Input) -> Result<Formatted<'_>, Refused> {
    let bytes = input.read().map_err(|failure| Refused {
        faults: String::new(),
        failure: failure.exit_with(Exit::USAGE),
    })?;
    let (source, undecodable) = Source::read(&input.name(), &bytes);
    if let Some(fault) = undecodable {
        return Err(Refused::of(&source, &[fault], "it is not UTF-8"));
    }
    let parsed = lapstrake_parser::parse(source.text());
    match lapstrake_format::format(source.text(), &parsed) {
        Ok(text) => Ok(Formatted { input, source, text }),
        Err(refusal) => {
            let errors = parsed.diagnostics.into_iter();
            let errors: Vec<_> = errors.filter(|one| one.severity == Severity::Error).collect();
            Err(Refused::of(&source, &errors, &refusal.to_string()))
        }
    }
}

impl Refused {
    fn of(source: &Source, faults: &[Diagnostic], why: &str) -> Self {
        let failure = Failure::new(format!("{} stays as it is: {why}", source.name()));
        let faults = source.draw(faults, Look::of_stderr()) + "\n";
        Self { faults, failure: failure.exit_with(Exit::SYNTAX) }
    }
}

/// Names the files that would change, or shows how.
fn show(fmt: &Fmt, formatted: &[Formatted<'_>]) -> Result<(), Failure> {
    let changed = formatted.iter().filter(|one| one.changes());
    let shown = changed.map(|one| match fmt.diff {
        true => input::unified(one.source.name(), one.source.text(), &one.text),
        false => format!("{}\n", one.source.name()),
    });
    output::foreign(&shown.collect::<String>())
}

/// Writes a file in its place, if it changes; standard input goes to standard output.
fn deliver(formatted: &Formatted<'_>) -> Result<(), Failure> {
    match formatted.input {
        Input::Stdin => output::foreign(&formatted.text),
        Input::File(_) if !formatted.changes() => Ok(()),
        Input::File(path) => input::replace(path, &formatted.text).map_err(|error| {
            let message = format!("cannot write {}", path.display());
            Failure::new(message).because(&error).exit_with(Exit::USAGE)
        }),
    }
}
