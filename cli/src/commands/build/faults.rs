//! Faults of the Dockerfile on their way to the user, in the form that was asked for.

use lapstrake_parser::{Diagnostic, Severity};

use crate::commands::explain;
use crate::diagnostics::{Count, Format, Look, Source};
use crate::failure::Failure;
use crate::output;
use crate::progress::Mode;

/// Tells faults as they come; all together in the end for programs, and where they are what was asked
/// for.
pub(in crate::commands) struct Faults<'a> {
    source: &'a Source,
    format: Format,
    /// Nobody wants to read of what does not stop the build.
    is_quiet: bool,
    /// The faults are what was asked for, not what stands beside it.
    is_result: bool,
    told: Vec<Diagnostic>,
}

impl<'a> Faults<'a> {
    pub(in crate::commands) fn new(source: &'a Source, format: Format, mode: Mode) -> Self {
        Self { source, format, is_quiet: mode == Mode::Quiet, is_result: false, told: Vec::new() }
    }

    /// For who asked for the faults.
    pub(super) fn as_result(source: &'a Source, format: Format) -> Self {
        Self { source, format, is_quiet: false, is_result: true, told: Vec::new() }
    }

    /// The Dockerfile.
    pub(super) fn source(&self) -> &'a Source {
        self.source
    }

    /// Tells the faults in the order given.
    ///
    /// # Errors
    /// With the number of faults, when one of them stops the build.
    pub(in crate::commands) fn tell(&mut self, mut faults: Vec<Diagnostic>) -> Result<(), Failure> {
        let errors: Vec<&Diagnostic> =
            faults.iter().filter(|fault| fault.severity == Severity::Error).collect();
        let name = self.source.name();
        let failure = match errors.len() {
            0 => Ok(()),
            1 => Err(Failure::new(format!("{name} has a fault")).help(read_on(&errors))),
            many => Err(Failure::new(format!("{name} has {many} faults")).help(read_on(&errors))),
        };
        if failure.is_ok() && self.is_quiet && self.format != Format::Json {
            return Ok(());
        }
        match self.format {
            _ if self.is_result => self.told.append(&mut faults),
            Format::Human if faults.is_empty() => {}
            Format::Human => {
                output::stderr(&(self.source.draw(&faults, Look::of_stderr()) + "\n"));
            }
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

    /// Whether nothing was told of what is kept until the end.
    pub(super) fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    /// Writes the faults that were asked for, and how many there are. Returns whether there are any.
    pub(super) fn conclude(mut self) -> Result<bool, Failure> {
        self.told.sort_by_key(|fault| fault.span);
        let count = Count::of(&self.told);
        let name = self.source.name();
        let text = match self.format {
            Format::Json => self.source.json(&self.told, None),
            Format::Short => format!("{}{name}: {count}\n", self.source.list(&self.told)),
            Format::Human if self.told.is_empty() => format!("{name}: {count}\n"),
            Format::Human => {
                format!("{}\n{name}: {count}\n", self.source.draw(&self.told, Look::of_stdout()))
            }
        };
        output::stdout(&text)?;
        Ok(!self.told.is_empty())
    }
}

/// Where to read on.
pub(super) fn read_on(errors: &[&Diagnostic]) -> String {
    let code = match errors {
        [only] => {
            debug_assert!(explain::is_known(only.code), "{} has no page", only.code);
            only.code
        }
        _ => "CODE",
    };
    format!("`lap explain {code}` says more")
}
