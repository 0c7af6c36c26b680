//! Which variables a text sets and uses, wherever.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use lapstrake_parser::Span;

use super::grammar::is_assignment;
use super::piece::{Piece, PieceKind};
use super::text::Text;
use super::walk::DECLARING;
use super::{Command, NodeKind, Script, ShellWord};

/// The variables of a text.
#[derive(Debug, Default)]
pub(crate) struct Names<'s> {
    /// Where each variable is set last.
    pub(crate) set: BTreeMap<&'s str, Span>,
    /// Those that something is done with.
    pub(crate) used: BTreeSet<Cow<'s, str>>,
}

impl<'s> Names<'s> {
    /// Those of a text. Where none is set, none is told to be used.
    pub(crate) fn of(script: &'s Script, text: &Text<'s>) -> Self {
        let mut names = Self::default();
        for node in &text.nodes {
            match &node.kind {
                NodeKind::Assignments(words) => words.iter().for_each(|word| names.assign(word)),
                NodeKind::Simple(at) => {
                    if let Some(command) = script.commands.get(*at) {
                        names.command(command);
                    }
                }
                NodeKind::For { name, .. } => {
                    names.set.insert(&name.text, name.span);
                }
                NodeKind::Test(words) => names.tested(words),
                NodeKind::Arithmetic(pieces) | NodeKind::Count { head: pieces, .. } => {
                    names.literal(pieces);
                }
                _ => {}
            }
        }
        if !names.set.is_empty() {
            text.pieces.iter().for_each(|piece| names.piece(piece));
        }
        names
    }

    fn literal(&mut self, pieces: &[Piece]) {
        self.used.extend(pieces.iter().filter_map(Piece::literal).map(Cow::Owned));
    }

    fn assign(&mut self, word: &'s ShellWord) {
        let Some((name, adds)) = word.assigned_name() else { return };
        let name = name.split('[').next().unwrap_or(name);
        let start = word.span.start;
        self.set.insert(name, Span::new(start, start + name.len()));
        if adds {
            self.used.insert(name.into());
        }
        if matches!(name, "PS1" | "PS2" | "PS3" | "PS4" | "PROMPT_COMMAND") {
            self.mentioned(word);
        }
    }

    fn command(&mut self, command: &'s Command) {
        let words = command.arguments();
        match command.name() {
            name if DECLARING.contains(&name) => {
                let is_used = name == "export" || command.has_any_flag(&["x", "p"]);
                words.iter().for_each(|word| self.declare(word, is_used));
            }
            "read" | "mapfile" | "readarray" => {
                let names = read_names(command).into_iter();
                self.set.extend(names.map(|word| (word.text.as_str(), word.span)));
            }
            "trap" => words.iter().take(1).for_each(|word| self.mentioned(word)),
            "alias" | "eval" | "let" => words.iter().for_each(|word| self.mentioned(word)),
            "[" | "test" => self.tested(words),
            _ => {}
        }
    }

    fn declare(&mut self, word: &'s ShellWord, is_used: bool) {
        let name = match word.assigned_name() {
            Some((name, _)) => name,
            None if word.is_literal && !word.text.starts_with('-') => &word.text,
            None => return,
        };
        self.assign(word);
        if is_used {
            self.used.insert(name.into());
        } else if word.assigned_name().is_none() {
            self.set.insert(name, word.span);
        }
    }

    /// `-v name`.
    fn tested(&mut self, words: &'s [ShellWord]) {
        for pair in words.windows(2) {
            if let [operator, word] = pair
                && operator.text == "-v"
            {
                let name = word.text.split('[').next().unwrap_or_default();
                self.used.insert(name.into());
            }
        }
    }

    fn piece(&mut self, piece: &'s Piece) {
        match &piece.kind {
            PieceKind::Parameter(parameter) => {
                self.used.insert(parameter.name.as_str().into());
                if parameter.modifier.starts_with(['[', ':']) {
                    self.words_of(&parameter.modifier);
                }
            }
            PieceKind::Arithmetic(pieces) => self.literal(pieces),
            _ => {}
        }
    }

    /// What a text that the shell reads later may use.
    fn mentioned(&mut self, word: &ShellWord) {
        let text = word.literal_parts();
        self.used.extend(words(&text).map(|word| Cow::Owned(word.to_owned())));
    }

    /// Takes all that may be a name in a text for one that is used.
    pub(crate) fn words_of(&mut self, text: &'s str) {
        self.used.extend(words(text).map(Cow::Borrowed));
    }
}

/// All that may be a name.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| !word.is_empty())
}

/// The variables that `read` or `mapfile` sets.
fn read_names(command: &Command) -> Vec<&ShellWord> {
    let is_read = command.name() == "read";
    let with_value = if is_read { "adinNptu" } else { "cCdnOsu" };
    let mut names = Vec::new();
    let mut words = command.arguments().iter();
    while let Some(word) = words.next() {
        let Some(flags) = word.text.strip_prefix('-') else {
            names.push(word);
            continue;
        };
        if flags.find(|flag| with_value.contains(flag)).is_some_and(|at| at + 1 == flags.len()) {
            names.extend(words.next().filter(|_| flags.ends_with('a')));
        }
    }
    names.retain(|word| word.is_literal && is_assignment(&format!("{}=", word.text)));
    names
}
