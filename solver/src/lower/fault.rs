//! Faults of a Dockerfile that show when it is lowered.

use lapstrake_parser::{Diagnostic, Span, suggest};

/// What is wrong with an instruction: as an error, one fault or several that do not follow from each
/// other.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Diagnostic>);

impl Faults {
    /// The value, or nothing: then its faults are among these.
    pub(super) fn sort_out<T>(&mut self, result: Result<T, impl Into<Self>>) -> Option<T> {
        result.map_err(|faults| self.0.append(&mut faults.into().0)).ok()
    }

    /// All values, or nothing if there is none for one of them.
    pub(super) fn sort_out_all<T>(
        &mut self,
        results: impl Iterator<Item = Result<T, impl Into<Self>>>,
    ) -> Option<Vec<T>> {
        let values: Vec<Option<T>> = results.map(|result| self.sort_out(result)).collect();
        values.into_iter().collect()
    }
}

impl From<Diagnostic> for Faults {
    fn from(fault: Diagnostic) -> Self {
        Self(vec![fault])
    }
}

impl FromIterator<Diagnostic> for Faults {
    fn from_iter<I: IntoIterator<Item = Diagnostic>>(faults: I) -> Self {
        Self(faults.into_iter().collect())
    }
}

impl IntoIterator for Faults {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// All values, or the faults of all that have none.
pub(super) fn all<T>(
    results: impl Iterator<Item = Result<T, impl Into<Faults>>>,
) -> Result<Vec<T>, Faults> {
    let mut faults = Faults::default();
    faults.sort_out_all(results).ok_or(faults)
}

/// An error at `span`.
pub(super) fn fault(code: &'static str, span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(code, span, message)
}

/// The same with a remedy.
pub(super) fn with_help(fault: Diagnostic, help: impl Into<String>) -> Diagnostic {
    fault.with_help(help)
}

/// `did you mean X?` for the known name nearest to `written`, if one is near.
pub(super) fn suggestion<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    let near = suggest(written, known)?;
    Some(format!("did you mean {near}?"))
}
