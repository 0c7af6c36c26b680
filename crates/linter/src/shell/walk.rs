//! Everything in a script, in the order in which it is written.

use super::piece::{Piece, PieceKind};
use super::tree::{Chain, List, Node, NodeKind, Pipeline};
use super::{Command, Script, ShellWord};

/// What a walk comes by.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Seen<'s> {
    /// A chain, in front of what is in it.
    Chain(&'s Chain, Standing),
    /// A pipeline, in front of what is in it.
    Pipeline(&'s Pipeline, Standing),
    /// A command, in front of what is in it.
    Node(&'s Node, Standing),
    /// A word, in front of what is in it.
    Word(&'s ShellWord, Role<'s>),
    /// A piece of a word, or of a piece, in front of what is in it.
    Piece(&'s Piece),
}

/// What looks at the exit status of something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// It decides which way is taken: a condition, or what stands in front of `&&` or `||`, or a part of
    /// one.
    pub(crate) is_condition: bool,
    /// It is the last thing in something whose status counts.
    pub(crate) is_result: bool,
    /// It is in a list by itself, not joined to anything.
    pub(crate) is_alone: bool,
    /// It is in the last chain of its list.
    pub(crate) is_last: bool,
    /// What the list belongs to.
    pub(crate) list: ListRole,
}

/// What a list is there for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ListRole {
    /// The text, or a subshell.
    #[default]
    Whole,
    /// `$(…)`, or an arm of `case`.
    Part,
    /// A condition of `if` or `while`.
    Condition,
    /// The body of something, or `{ … }`.
    Body,
    /// The `{ … }` of a function.
    Function,
}

/// What a word is there for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Role<'s> {
    /// A word of a simple command, with its number among them.
    Argument(&'s Command, usize),
    /// `name=value`.
    Assignment,
    /// The target of a redirection.
    Target,
    /// A heredoc's delimiter.
    Delimiter,
    /// The variable of a loop.
    Variable,
    /// What a loop goes through.
    Item,
    /// The subject or a pattern of `case`.
    Choice,
    /// A word between `[[` and `]]`.
    Test,
    /// An element of an array.
    Element,
}

/// Programs whose arguments may be assignments.
pub(crate) const DECLARING: [&str; 5] = ["declare", "export", "local", "readonly", "typeset"];

impl Role<'_> {
    /// True if the shell splits what it puts into such a word. `assigns` says whether it takes an
    /// argument of `export` and the like for an assignment; sh does not.
    pub(crate) fn is_split(self, word: &ShellWord, assigns: bool) -> bool {
        match self {
            Self::Argument(command, _) => {
                let is_assignment = || word.assigned_name().is_some();
                !(assigns && DECLARING.contains(&command.name()) && is_assignment())
            }
            Self::Target => true,
            _ => false,
        }
    }

    /// True if the word is nothing but this piece, and names the program.
    pub(crate) fn is_program(self, word: &ShellWord) -> bool {
        matches!(self, Self::Argument(command, at) if at == 0 || command.is_program(at))
            && word.pieces.len() == 1
    }
}

/// Goes through a list of a script.
pub(crate) fn walk<'s>(script: &'s Script, list: &'s List, see: &mut dyn FnMut(Seen<'s>)) {
    Walk { script, see, is_condition: false }.list(list, ListRole::Whole);
}

/// Goes through pieces, and what is in them.
pub(crate) fn walk_pieces<'s>(
    script: &'s Script,
    pieces: &'s [Piece],
    see: &mut dyn FnMut(Seen<'s>),
) {
    Walk { script, see, is_condition: false }.pieces(pieces);
}

struct Walk<'s, 'f> {
    script: &'s Script,
    see: &'f mut dyn FnMut(Seen<'s>),
    is_condition: bool,
}

impl<'s> Walk<'s, '_> {
    fn list(&mut self, list: &'s List, role: ListRole) {
        let was_condition = self.is_condition;
        for (at, chain) in list.chains.iter().enumerate() {
            let is_last = at + 1 == list.chains.len();
            self.is_condition = was_condition || (is_last && role == ListRole::Condition);
            let is_result = is_last && role != ListRole::Body;
            let is_alone = chain.joints.is_empty();
            let is_condition = self.is_condition;
            let standing = Standing { is_condition, is_result, is_alone, is_last, list: role };
            (self.see)(Seen::Chain(chain, standing));
            for (at, pipeline) in chain.pipelines.iter().enumerate() {
                self.is_condition = is_condition || at < chain.joints.len();
                let standing = Standing { is_condition: self.is_condition, ..standing };
                (self.see)(Seen::Pipeline(pipeline, standing));
                pipeline.nodes.iter().for_each(|node| self.node(node, standing));
            }
        }
        self.is_condition = was_condition;
    }

    fn node(&mut self, node: &'s Node, standing: Standing) {
        (self.see)(Seen::Node(node, standing));
        match &node.kind {
            NodeKind::Simple(number) => {
                let Some(command) = self.script.commands.get(*number) else { return };
                self.words(&command.assignments, Role::Assignment);
                for (at, word) in command.words.iter().enumerate() {
                    self.word(word, Role::Argument(command, at));
                }
            }
            NodeKind::Assignments(words) => self.words(words, Role::Assignment),
            NodeKind::Subshell(list) => self.list(list, ListRole::Whole),
            NodeKind::Group(list) => self.list(list, ListRole::Body),
            NodeKind::If { branches, otherwise } => {
                for (condition, body) in branches {
                    self.list(condition, ListRole::Condition);
                    self.list(body, ListRole::Body);
                }
                otherwise.iter().for_each(|list| self.list(list, ListRole::Body));
            }
            NodeKind::While { condition, body } => {
                self.list(condition, ListRole::Condition);
                self.list(body, ListRole::Body);
            }
            NodeKind::For { name, words, body } => {
                self.word(name, Role::Variable);
                self.words(words.as_deref().unwrap_or_default(), Role::Item);
                self.list(body, ListRole::Body);
            }
            NodeKind::Count { head, body } => {
                self.pieces(head);
                self.list(body, ListRole::Body);
            }
            NodeKind::Case { subject, arms } => {
                self.word(subject, Role::Choice);
                for (patterns, body) in arms {
                    self.words(patterns, Role::Choice);
                    self.list(body, ListRole::Part);
                }
            }
            NodeKind::Test(words) => self.words(words, Role::Test),
            NodeKind::Arithmetic(pieces) => self.pieces(pieces),
            NodeKind::Function { body, .. } => match &body.kind {
                NodeKind::Group(list) => self.list(list, ListRole::Function),
                _ => self.node(body, standing),
            },
        }
        for redirection in &node.redirections {
            let is_heredoc = matches!(redirection.operator, "<<" | "<<-");
            let role = if is_heredoc { Role::Delimiter } else { Role::Target };
            self.word(&redirection.target, role);
        }
    }

    fn words(&mut self, words: &'s [ShellWord], role: Role<'s>) {
        words.iter().for_each(|word| self.word(word, role));
    }

    fn word(&mut self, word: &'s ShellWord, role: Role<'s>) {
        (self.see)(Seen::Word(word, role));
        self.pieces(&word.pieces);
    }

    fn pieces(&mut self, pieces: &'s [Piece]) {
        for piece in pieces {
            (self.see)(Seen::Piece(piece));
            match &piece.kind {
                PieceKind::Double(inner)
                | PieceKind::Arithmetic(inner)
                | PieceKind::Braces(inner) => {
                    self.pieces(inner);
                }
                PieceKind::Parameter(parameter) => self.pieces(&parameter.pieces),
                PieceKind::Substitution { list, .. } | PieceKind::Process(list) => {
                    self.list(list, ListRole::Part);
                }
                PieceKind::Array(words) => self.words(words, Role::Element),
                PieceKind::Literal(_)
                | PieceKind::Single(_)
                | PieceKind::DollarSingle(_)
                | PieceKind::Glob(_) => {}
            }
        }
    }
}
