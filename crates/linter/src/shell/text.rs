//! A text with everything in it, sorted by kind: it is gone through once, and many rules look at one kind each.

use super::piece::{Piece, PieceKind};
use super::tree::{Chain, Node, NodeKind, Pipeline};
use super::walk::{Role, Seen, Standing};
use super::{Command, Part, Script, ShellWord};

/// A text of a script. Each list is in the order in which it is written.
#[derive(Debug)]
pub(crate) struct Text<'s> {
    /// The text as a tree.
    pub(crate) part: &'s Part,
    /// All its chains.
    pub(crate) chains: Vec<(&'s Chain, Standing)>,
    /// All its pipelines.
    pub(crate) pipelines: Vec<(&'s Pipeline, Standing)>,
    /// All its commands, compound ones as well.
    pub(crate) nodes: Vec<&'s Node>,
    /// The simple ones of them.
    pub(crate) commands: Vec<(&'s Command, Standing)>,
    /// All its words, those of patterns and assignments as well.
    pub(crate) words: Vec<(&'s ShellWord, Role<'s>)>,
    /// What its words are made of, but for what is literal.
    pub(crate) pieces: Vec<&'s Piece>,
}

impl<'s> Text<'s> {
    /// Goes through a text of that script.
    pub(super) fn of(script: &'s Script, part: &'s Part) -> Self {
        let mut text = Self {
            part,
            chains: Vec::new(),
            pipelines: Vec::new(),
            nodes: Vec::new(),
            commands: Vec::new(),
            words: Vec::new(),
            pieces: Vec::new(),
        };
        part.walk(script, &mut |seen| text.add(script, seen));
        text
    }

    fn add(&mut self, script: &'s Script, seen: Seen<'s>) {
        match seen {
            Seen::Chain(chain, standing) => self.chains.push((chain, standing)),
            Seen::Pipeline(pipeline, standing) => self.pipelines.push((pipeline, standing)),
            Seen::Node(node, standing) => {
                self.nodes.push(node);
                let command = match node.kind {
                    NodeKind::Simple(number) => script.commands.get(number),
                    _ => None,
                };
                self.commands.extend(command.map(|command| (command, standing)));
            }
            Seen::Word(word, role) => self.words.push((word, role)),
            Seen::Piece(piece) if matches!(piece.kind, PieceKind::Literal(_)) => {}
            Seen::Piece(piece) => self.pieces.push(piece),
        }
    }

    /// True if a command in it sets `errexit`.
    pub(crate) fn sets_errexit(&self) -> bool {
        let is_set = |command: &Command| {
            command.name() == "set" && (command.has_flag("e") || command.has_argument("errexit"))
        };
        self.commands.iter().any(|(command, _)| is_set(command))
    }
}
