//! What a word is made of.

use lapstrake_parser::Span;

use super::tree::List;
use super::word::ShellWord;

/// A part of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Where it stands, quotes included.
    pub(crate) span: Span,
    /// What it is.
    pub(crate) kind: PieceKind,
}

/// What a part of a word is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PieceKind {
    /// Text as it stands; `\` is resolved.
    Literal(String),
    /// `'…'`.
    Single(String),
    /// `$'…'`.
    DollarSingle(String),
    /// `"…"`, or `$"…"`.
    Double(Vec<Piece>),
    /// `$name`, or `${name…}`.
    Parameter(Box<Parameter>),
    /// `$(…)`, or the same in backticks.
    Substitution { list: List, in_backticks: bool },
    /// `$((…))`: the expansions in it, and the names as literals.
    Arithmetic(Vec<Piece>),
    /// `*`, `?`, `[…]`, or `@(…)` and the like.
    Glob(String),
    /// `{a,b}`, or `{1..3}`.
    Braces(Vec<Piece>),
    /// `<(…)`, or `>(…)`.
    Process(List),
    /// `(…)` behind `name=`.
    Array(Vec<ShellWord>),
}

/// `$name`, or `${name…}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameter {
    /// The variable, or the sign of a special parameter.
    pub(crate) name: String,
    /// `!` or `#` in front of the name.
    pub(crate) sign: Option<char>,
    /// What stands behind the name, as written.
    pub(crate) modifier: String,
    /// It stands in `{}`.
    pub(crate) is_braced: bool,
    /// The expansions in the modifier.
    pub(crate) pieces: Vec<Piece>,
}

impl Parameter {
    /// `$name`.
    pub(super) fn named(name: String) -> Self {
        Self { name, ..Self::default() }
    }

    /// True for `$name` and `${name}`.
    pub(crate) const fn is_plain(&self) -> bool {
        self.sign.is_none() && self.modifier.is_empty()
    }

    /// True for `$@`, `${@…}` and `${name[@]}`: several words even in quotes.
    pub(crate) fn is_array(&self) -> bool {
        self.name == "@" || (self.sign != Some('#') && self.modifier.contains("[@]"))
    }
}

impl Piece {
    /// The text, if nothing in it is put in by the shell.
    pub(crate) fn literal(&self) -> Option<String> {
        match &self.kind {
            PieceKind::Literal(text) | PieceKind::Single(text) | PieceKind::DollarSingle(text) => {
                Some(text.clone())
            }
            PieceKind::Double(pieces) => pieces.iter().map(Self::literal).collect(),
            _ => None,
        }
    }

    /// Whether that is a command whose output is put in.
    pub(crate) const fn is_substitution(&self) -> bool {
        matches!(self.kind, PieceKind::Substitution { .. })
    }
}
