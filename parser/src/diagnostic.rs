//! Faults in a Dockerfile, as plain data. The command line draws them.

use crate::span::Span;
use std::borrow::Cow;
use std::sync::Arc;

/// Name of a rule, in kebab case. Stable: tools match on it, and `docs/diagnostics` has a page of
/// that name.
pub type Code = &'static str;

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

impl Severity {
    /// The word for it: `info`, `warning` or `error`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One fault, where it is, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The broken rule.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// Why, outermost first, when the reason lies outside of the text: a registry, a file.
    pub causes: Vec<String>,
    /// The text at fault.
    pub span: Span,
    /// Other places that explain the fault, with a word on each.
    pub labels: Vec<(Span, String)>,
    /// Places in other files that explain it, too.
    pub elsewhere: Vec<Elsewhere>,
    /// What the author can do.
    pub help: Option<String>,
    /// The change that does it, when it is known exactly.
    pub fix: Option<Fix>,
    /// An address that says more, for rules that have one beside their page.
    pub url: Option<Cow<'static, str>>,
}

/// A file beside the Dockerfile, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherFile {
    /// Its path, to be shown.
    pub name: String,
    /// What is in it, or how it begins.
    pub text: String,
}

/// A place in another file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// That file.
    pub file: Arc<OtherFile>,
    /// Where in its text.
    pub span: Span,
    /// A word on it.
    pub message: String,
}

/// A change of the text that takes a fault away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What is replaced, in file order; no two overlap.
    pub edits: Vec<Edit>,
    /// Whether it can be made without looking.
    pub safety: Safety,
}

/// One replacement. An empty span inserts, an empty text deletes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What goes.
    pub span: Span,
    /// What comes in its place.
    pub text: String,
}

/// Whether a fix can be made without looking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Safety {
    /// It means what the text meant.
    Safe,
    /// It is a guess at what was meant, or it changes what is built.
    Unsafe,
}

impl Diagnostic {
    /// A fault that stops the build.
    // Most files have no fault: what leads here is to lie apart from the code that runs.
    #[cold]
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, span, message.into())
    }

    /// A fault that does not stop the build.
    #[cold]
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
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

    /// Adds a reason that lies outside of the text.
    #[must_use]
    pub fn with_cause(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// Adds the change that mends it.
    #[must_use]
    pub fn with_fix(mut self, fix: Fix) -> Self {
        self.fix = Some(fix);
        self
    }

    /// Adds an address that says more.
    #[must_use]
    pub fn with_url(mut self, url: impl Into<Cow<'static, str>>) -> Self {
        self.url = Some(url.into());
        self
    }

    fn new(severity: Severity, code: Code, span: Span, message: String) -> Self {
        Self {
            code,
            severity,
            message,
            causes: Vec::new(),
            span,
            labels: Vec::new(),
            elsewhere: Vec::new(),
            help: None,
            fix: None,
            url: None,
        }
    }
}

impl Fix {
    /// Replaces one piece of text by what was likely meant.
    pub fn guess(span: Span, text: impl Into<String>) -> Self {
        Self::replace(Safety::Unsafe, span, text.into())
    }

    /// Replaces one piece of text by what means the same.
    pub fn same(span: Span, text: impl Into<String>) -> Self {
        Self::replace(Safety::Safe, span, text.into())
    }

    fn replace(safety: Safety, span: Span, text: String) -> Self {
        Self { edits: vec![Edit { span, text }], safety }
    }

    /// The source with the fix made, or nothing if the fix is not for that source.
    pub fn apply(&self, source: &str) -> Option<String> {
        let mut mended = String::with_capacity(source.len());
        let mut at = 0;
        for edit in &self.edits {
            mended.push_str(source.get(at..edit.span.start)?);
            mended.push_str(&edit.text);
            source.get(edit.span.range())?;
            at = edit.span.end;
        }
        mended.push_str(source.get(at..)?);
        Some(mended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fix_is_made_where_it_fits() {
        let edit = |start, end, text: &str| Edit { span: Span::new(start, end), text: text.into() };
        let fix = Fix { edits: vec![edit(0, 3, "RUN"), edit(4, 4, "é")], safety: Safety::Safe };
        assert_eq!(fix.apply("RUM x\n").as_deref(), Some("RUN éx\n"));
        assert_eq!(fix.apply("RU").as_deref(), None);
        assert_eq!(Fix::guess(Span::new(1, 2), "").apply("é"), None);
    }
}
