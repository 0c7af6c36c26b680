//! Faults in a Dockerfile, as plain data. The command line draws them.

use crate::span::Span;

/// How bad a fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Info,
    /// The file can be built, and is likely not what its author meant.
    Warning,
    /// The file cannot be built.
    Error,
}

/// One fault, where it is, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Name of the broken rule, in kebab case. Stable: tools may match on it.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// The text at fault.
    pub span: Span,
    /// Other places that explain the fault, with a word on each.
    pub labels: Vec<(Span, String)>,
    /// What the author can do.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A fault that stops the build.
    pub fn error(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, span, message.into())
    }

    /// A fault that does not stop the build.
    pub fn warning(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, span, message.into())
    }

    /// Adds what the author can do.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds the suggestion, if there is one, as help: "did you mean `x`?".
    #[must_use]
    pub fn with_suggestion(self, suggestion: Option<&str>) -> Self {
        match suggestion {
            Some(name) => self.with_help(format!("did you mean `{name}`?")),
            None => self,
        }
    }

    /// Adds another place that explains the fault.
    #[must_use]
    pub fn with_label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push((span, text.into()));
        self
    }

    fn new(severity: Severity, code: &'static str, span: Span, message: String) -> Self {
        Self { code, severity, message, span, labels: Vec::new(), help: None }
    }
}
