//! A configuration file as a tree with places, whatever it is written in.

use lapstrake_parser::{Diagnostic, Span, Spanned};

/// The code of all faults of a configuration.
const CODE: &str = "invalid-configuration";

/// The deepest nesting that is read.
pub(super) const DEEPEST: usize = 16;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::commands::lint) struct Node {
    pub(in crate::commands::lint) span: Span,
    pub(in crate::commands::lint) value: Value,
}

/// What a configuration is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::commands::lint) enum Value {
    Nothing,
    Text(String),
    Boolean(bool),
    List(Vec<Node>),
    Table(Vec<(Spanned<String>, Node)>),
    /// What no setting is: numbers, times.
    Other(&'static str),
}

impl Value {
    /// What it is, in words.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Text(_) => "a text",
            Self::Boolean(_) => "a boolean",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(kind) => kind,
        }
    }
}

/// A fault of a configuration.
pub(super) fn fault(span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(CODE, span, message)
}
