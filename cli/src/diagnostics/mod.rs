//! Faults of a Dockerfile, in the forms that users choose from.
//!
//! - [`Source`]: the file, and places in it.
//! - [`human`]: for people, drawn over an [`excerpt`] of the file made of [`glyph`]s.
//! - [`short`]: for editors. [`json`]: for programs. [`github`]: for the runner of GitHub Actions.
//! - [`report`]: what is found in several files, for other tools.

mod count;
mod excerpt;
mod github;
mod glyph;
mod human;
mod json;
mod report;
mod short;
mod source;
mod wrap;

use clap::ValueEnum;
use lapstrake_parser::Diagnostic;

use crate::environment::variable;
use crate::failure::Failure;
use crate::output;

pub(crate) use count::Count;
pub(crate) use github::annotations;
pub(crate) use json::{Finding, findings};
pub(crate) use report::{
    Report, checkstyle, codacy, codeclimate, fingerprints, gitlab, gnu, junit, markdown, rdjson,
    rdjsonl, sarif, sonarqube,
};
pub(crate) use source::Source;

/// Most faults that are drawn for people. Who has more is helped by the first ones.
const MOST: usize = 100;

/// The variable that holds the form.
const FORMAT: &str = "LAPSTRAKE_FORMAT";

/// A form in which faults are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Drawn under the lines they are in
    #[default]
    Human,
    /// FILE:LINE:COLUMN: LEVEL[CODE]: MESSAGE
    Short,
    /// One object on standard output
    Json,
}

impl Format {
    /// What the command line says, else the environment, else the form for people.
    pub(crate) fn chosen(given: Option<Self>) -> Result<Self, Failure> {
        match (given, variable(FORMAT)) {
            (Some(format), _) => Ok(format),
            (None, None) => Ok(Self::default()),
            (None, Some(value)) => Self::from_str(&value.to_string_lossy(), true).map_err(|_| {
                Failure::new(format!("{FORMAT} is `{}`", value.to_string_lossy()))
                    .help("it is one of human, short and json")
            }),
        }
    }
}

/// What the drawing is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) colour: bool,
    /// Columns to fit into; `None` leaves messages whole.
    pub(crate) width: Option<usize>,
}

impl Look {
    /// For standard error as it is.
    pub(crate) fn of_stderr() -> Self {
        let width = output::stderr_is_terminal().then(|| output::stderr_size().1);
        Self { colour: output::stderr_takes_colour(), width }
    }

    /// For standard output as it is.
    pub(crate) fn of_stdout() -> Self {
        let width = output::stdout_is_terminal().then(|| output::stdout_size().1);
        Self { colour: output::stdout_takes_colour(), width }
    }
}

impl Source {
    /// Draws the faults in the given order, with an empty line between two.
    pub(crate) fn draw(&self, faults: &[Diagnostic], look: Look) -> String {
        let drawn = faults.iter().take(MOST).map(|fault| human::draw(self, fault, look));
        let mut text = drawn.collect::<Vec<_>>().join("\n");
        if let Some(more) = faults.len().checked_sub(MOST).filter(|more| *more > 0) {
            text += &format!("\nand {more} more; --format short lists all\n");
        }
        text
    }

    /// One line for each fault.
    pub(crate) fn list(&self, faults: &[Diagnostic]) -> String {
        faults.iter().map(|fault| short::line(self, fault)).collect()
    }

    /// One JSON object with all faults, and the id of the image that was built.
    pub(crate) fn json(&self, faults: &[Diagnostic], image: Option<&str>) -> String {
        json::object(self, faults, image)
    }
}

#[cfg(test)]
mod tests;
