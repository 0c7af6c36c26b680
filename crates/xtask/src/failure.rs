//! Why a chore could not be done.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

pub(crate) type Outcome<T> = Result<T, Failure>;

#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line is wrong; the usage text follows.
    Usage(String),
    /// A file operation on `subject` failed.
    File { operation: &'static str, subject: PathBuf, source: io::Error },
    /// A program could not be started.
    Start { program: String, source: io::Error },
    /// A program ended with something else than success; `output` is what it said last, if that was
    /// kept.
    Program { command: String, status: String, output: String },
    /// The machine lacks something; `hint` says what to do about it.
    Missing { what: String, hint: String },
    /// Something was understood, and is not as it has to be.
    Wrong { subject: String, detail: String },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(detail) => f.write_str(detail),
            Self::File { operation, subject, source } => {
                write!(f, "cannot {operation} {}: {source}", subject.display())
            }
            Self::Start { program, source } => write!(f, "cannot start {program}: {source}"),
            Self::Program { command, status, output } => {
                write!(f, "{command}: {status}")?;
                for line in output.lines() {
                    write!(f, "\n  | {line}")?;
                }
                Ok(())
            }
            Self::Missing { what, hint } => write!(f, "{what}\n  help: {hint}"),
            Self::Wrong { subject, detail } => write!(f, "{subject}: {detail}"),
        }
    }
}

/// Turns an I/O error into a [`Failure`] that names what was done to which file.
pub(crate) trait Subject<T> {
    fn on(self, operation: &'static str, subject: &Path) -> Outcome<T>;
}

impl<T> Subject<T> for io::Result<T> {
    fn on(self, operation: &'static str, subject: &Path) -> Outcome<T> {
        self.map_err(|source| Failure::File { operation, subject: subject.to_owned(), source })
    }
}

/// Shorthand for [`Failure::Wrong`].
pub(crate) fn wrong(subject: impl Into<String>, detail: impl Into<String>) -> Failure {
    Failure::Wrong { subject: subject.into(), detail: detail.into() }
}
