//! Faults of a Dockerfile that show when it is lowered.

use lapstrake_parser::{Diagnostic, Severity, Span};

/// An error at `span`.
pub(super) fn fault(code: &'static str, span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic {
        code,
        severity: Severity::Error,
        message: message.into(),
        span,
        labels: Vec::new(),
        help: None,
    }
}

/// The same with a remedy.
pub(super) fn with_help(mut fault: Diagnostic, help: impl Into<String>) -> Diagnostic {
    fault.help = Some(help.into());
    fault
}

/// `did you mean X?` for the known name nearest to `written`, if one is near.
pub(super) fn suggestion<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    let near = lapstrake_parser::suggest::nearest(written, known)?;
    Some(format!("did you mean {near}?"))
}
