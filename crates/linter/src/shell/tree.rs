//! Shell text as a tree: lists of chains of pipelines of commands.

use lapstrake_parser::Span;

use super::piece::Piece;
use super::word::ShellWord;

/// Commands one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct List {
    /// What `;`, `&` or a line end separates.
    pub(crate) chains: Vec<Chain>,
}

/// Pipelines that `&&` and `||` join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    /// The pipelines.
    pub(crate) pipelines: Vec<Pipeline>,
    /// What stands between them: one less.
    pub(crate) joints: Vec<Joint>,
    /// It ends with `&`.
    pub(crate) is_background: bool,
}

/// What joins two pipelines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Joint {
    /// `&&`, else `||`.
    pub(crate) is_and: bool,
    /// Where it stands.
    pub(crate) span: Span,
}

/// Commands that `|` joins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pipeline {
    /// The `!` in front.
    pub(crate) bang: Option<Span>,
    /// The commands; at least one.
    pub(crate) nodes: Vec<Node>,
}

/// A command, simple or compound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// What it is.
    pub(crate) kind: NodeKind,
    /// Where it stands, without redirections behind it.
    pub(crate) span: Span,
    /// Its redirections.
    pub(crate) redirections: Vec<Redirection>,
}

impl Node {
    /// Where it stands, with its redirections.
    pub(crate) fn whole_span(&self) -> Span {
        self.redirections.iter().fold(self.span, |span, one| span.cover(one.span))
    }
}

/// What a command is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NodeKind {
    /// A program with its arguments: the number of the command in the script.
    Simple(usize),
    /// Assignments without a program, or nothing but redirections.
    Assignments(Vec<ShellWord>),
    /// `( … )`.
    Subshell(List),
    /// `{ …; }`.
    Group(List),
    /// `if`, with each condition and what follows it.
    If { branches: Vec<(List, List)>, otherwise: Option<List> },
    /// `while`, or `until`.
    While { condition: List, body: List },
    /// `for name in words`, or `select`; no words if there is no `in`.
    For { name: ShellWord, words: Option<Vec<ShellWord>>, body: List },
    /// `for ((…))`.
    Count { head: Vec<Piece>, body: List },
    /// `case subject in patterns) …;; esac`.
    Case { subject: ShellWord, arms: Vec<(Vec<ShellWord>, List)> },
    /// `[[ … ]]`.
    Test(Vec<ShellWord>),
    /// `((…))`.
    Arithmetic(Vec<Piece>),
    /// `name() …`.
    Function { name: String, body: Box<Node> },
}

/// `2> target`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Redirection {
    /// The operator without the descriptor.
    pub(crate) operator: &'static str,
    /// From the descriptor to the target.
    pub(crate) span: Span,
    /// What it leads to; the delimiter of a heredoc.
    pub(crate) target: ShellWord,
}
