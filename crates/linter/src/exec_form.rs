//! Commands in shell form, and the arrays that do the same without a shell.

use lapstrake_parser::Word;

use crate::shell::{self, Command, NodeKind, Piece, PieceKind, Script, ShellWord};

/// Words at the beginning of a command that are for the shell itself.
const BUILT_IN: [&str; 22] = [
    ".", ":", "alias", "case", "cd", "command", "eval", "exec", "exit", "export", "for", "if",
    "read", "set", "shift", "source", "trap", "type", "ulimit", "umask", "until", "while",
];

/// A line in shell form.
pub(crate) struct Line {
    script: Option<Script>,
}

impl Line {
    pub(crate) fn new(line: &Word) -> Self {
        Self { script: shell::script_of_line(line) }
    }

    /// The only thing that it does, if that is a program without redirections.
    fn only(&self) -> Option<&Command> {
        let script = self.script.as_ref()?;
        let [part] = script.parts.as_slice() else { return None };
        let [chain] = part.list.chains.as_slice() else { return None };
        let [pipeline] = chain.pipelines.as_slice() else { return None };
        let [node] = pipeline.nodes.as_slice() else { return None };
        let is_plain = !chain.is_background
            && pipeline.bang.is_none()
            && node.redirections.is_empty()
            && matches!(node.kind, NodeKind::Simple(_));
        match script.commands.as_slice() {
            [command] if is_plain => Some(command),
            _ => None,
        }
    }

    /// True if the program takes the place of the shell, by `exec`.
    pub(crate) fn replaces_shell(&self) -> bool {
        self.only().is_some_and(|only| only.words.first().is_some_and(|word| word.text == "exec"))
    }

    /// True if the shell has nothing to do but to put variables in.
    pub(crate) fn needs_variables(&self) -> bool {
        self.only().is_some_and(|only| only.words.iter().any(|word| !word.is_literal))
    }

    /// The array that does the same; nothing if the shell has something to do.
    pub(crate) fn array(&self) -> Option<String> {
        let only = self.only().filter(|only| only.assignments.is_empty())?;
        let words = match self.replaces_shell() {
            true => only.words.get(1..)?,
            false => only.words.as_slice(),
        };
        let first = words.first()?;
        let is_for_shell = BUILT_IN.contains(&first.text.as_str()) || first.text.contains('=');
        if is_for_shell || first.text.starts_with('-') || !words.iter().all(is_plain) {
            return None;
        }
        let quoted: Vec<String> = words.iter().map(|word| quoted(&word.text)).collect();
        Some(format!("[{}]", quoted.join(", ")))
    }
}

/// True for a word that stays what it is, without its quotes.
fn is_plain(word: &ShellWord) -> bool {
    let is_kept = |text: &str| !text.contains(['{', '}', '~', '!', '#', '\\']);
    let is_literal = |piece: &Piece| match &piece.kind {
        PieceKind::Literal(text) => is_kept(text),
        PieceKind::Single(_) => true,
        PieceKind::Double(pieces) => {
            pieces.iter().all(|piece| matches!(piece.kind, PieceKind::Literal(_)))
        }
        _ => false,
    };
    word.is_literal
        && word.pieces.iter().all(is_literal)
        && !word.text.contains(|c: char| c.is_control())
}

/// As JSON has it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
