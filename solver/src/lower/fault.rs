//! Faults of a Dockerfile that show when it is lowered.

use lapstrake_parser::{Diagnostic, Span, suggest};

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
