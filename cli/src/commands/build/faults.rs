//! Faults of the Dockerfile on their way to the user, in the form that was asked for.

use lapstrake_parser::{Diagnostic, Severity};

use crate::diagnostics::{Format, Look, Source};
use crate::failure::Failure;
use crate::output;
use crate::progress::Mode;

/// Tells faults as they come; for programs all together in the end.
pub(super) struct Faults<'a> {
    source: &'a Source,
    format: Format,
    /// Nobody wants to read of what does not stop the build.
    is_quiet: bool,
    told: Vec<Diagnostic>,
}

impl<'a> Faults<'a> {
    pub(super) fn new(source: &'a Source, format: Format, mode: Mode) -> Self {
        Self { source, format, is_quiet: mode == Mode::Quiet, told: Vec::new() }
    }

    /// The Dockerfile.
    pub(super) fn source(&self) -> &'a Source {
        self.source
    }

    /// Tells the faults in the order given.
    ///
    /// # Errors
    /// With the number of faults, when one of them stops the build.
    pub(super) fn tell(&mut self, mut faults: Vec<Diagnostic>) -> Result<(), Failure> {
        let errors: Vec<&Diagnostic> =
            faults.iter().filter(|fault| fault.severity == Severity::Error).collect();
        let name = self.source.name();
        let failure = match errors.len() {
            0 => Ok(()),
            1 => Err(Failure::new(format!("{name} has a fault")).help(explain(&errors))),
            many => Err(Failure::new(format!("{name} has {many} faults")).help(explain(&errors))),
        };
        if failure.is_ok() && self.is_quiet && self.format != Format::Json {
            return Ok(());
        }
        match self.format {
            Format::Human if faults.is_empty() => {}
            Format::Human => output::stderr(&(self.source.draw(&faults, look()) + "\n")),
            Format::Short => output::stderr(&self.source.list(&faults)),
            Format::Json => self.told.append(&mut faults),
        }
        failure
    }

    /// Writes what is written once and in the end; `image` is the id of what was built. Returns
    /// whether it was among that.
    pub(super) fn end(self, image: Option<String>) -> Result<bool, Failure> {
        match self.format {
            Format::Json => {
                output::stdout(&self.source.json(&self.told, image.as_deref())).map(|()| true)
            }
            Format::Human | Format::Short => Ok(false),
        }
    }
}

/// Where to read on.
pub(super) fn explain(errors: &[&Diagnostic]) -> String {
    let code = match errors {
        [only] => only.code,
        _ => "CODE",
    };
    format!("`lap explain {code}` says more")
}

fn look() -> Look {
    let width = output::stderr_is_terminal().then(|| output::stderr_size().1);
    Look { colour: output::stderr_takes_colour(), width }
}
