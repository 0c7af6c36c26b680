//! Dockerfiles in one form: what `lap fmt` writes.
//!
//! [`format()`] changes how a file looks and nothing that it says: names of instructions, white space
//! between words, indentation. It has no options. What a string, a shell or a heredoc holds is not
//! looked at, but for the blanks where a command goes on on the next line. `docs/fmt.md` has the rules.
//!
//! It does not break or join lines, sort anything, or mend what is wrong: that is for the linter.
//!
//! Where to start reading: `file` goes through the lines, `token` cuts an instruction into what is kept
//! as it is, `write` puts that together again, `shell` knows where blanks in a command do not count,
//! `same` holds the result against the file.

mod file;
mod line;
mod same;
mod shell;
mod token;
mod write;

use std::fmt;

use lapstrake_parser::{Parsed, Severity};

/// Why a file stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It has a fault of the syntax: what it says is not known in full.
    Faulty,
    /// What would be written says something else. That is a fault of this crate.
    Altered,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Faulty => "it is no Dockerfile",
            Self::Altered => "what it says would not stay the same",
        })
    }
}

impl std::error::Error for Refusal {}

/// The file in the one form. `parsed` is what `source` is parsed to.
///
/// The result is parsed again and says the same: every argument, heredoc and comment is the one it was,
/// but for names of instructions and white space that does not count. Formatted again it stays.
///
/// # Errors
/// [`Refusal`], if the file has to stay as it is.
pub fn format(source: &str, parsed: &Parsed) -> Result<String, Refusal> {
    if parsed.diagnostics.iter().any(|one| one.severity == Severity::Error) {
        return Err(Refusal::Faulty);
    }
    let text = file::format(source, &parsed.dockerfile);
    if text == source {
        return Ok(text);
    }
    let again = lapstrake_parser::parse(&text);
    let is_same = again.diagnostics.iter().all(|one| one.severity != Severity::Error)
        && same::same(&parsed.dockerfile, &again.dockerfile);
    if is_same { Ok(text) } else { Err(Refusal::Altered) }
}
