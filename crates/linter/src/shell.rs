//! The commands of RUN: shell text as simple commands, with the place of each word.
//!
//! - [`tree`], [`piece`]: the text as a tree: lists of commands, and what their words are made of.
//! - `grammar`, `compound`, `word`, `expansion`: how the text is read.
//! - [`walk`]: every word with what it is there for; [`text`]: the same, sorted by kind.
//! - [`flow`], [`names`]: what variables hold, and which are used; [`test`](mod@test): what `[` looks at.
//! - [`command`]: what rules ask of a command: its name, its flags, what else it is given.
//!
//! The text is read as bash reads it. Nothing is expanded: a variable stays in a word as `${name}`.
//! Text that is no shell script (PowerShell, a broken script) has no commands.

pub(crate) mod command;
mod compound;
mod expansion;
pub(crate) mod flow;
mod grammar;
pub(crate) mod names;
pub(crate) mod piece;
pub(crate) mod test;
pub(crate) mod text;
pub(crate) mod tree;
pub(crate) mod walk;
mod word;

use std::ops::Range;

use text::Text;
use walk::Seen;

use lapstrake_parser::{CommandForm, Heredoc, Instruction, InstructionKind, Span, Word};

use crate::dialect::Dialect;
pub(crate) use command::Command;
use grammar::Found;
pub(crate) use piece::{Piece, PieceKind};
pub(crate) use tree::{List, Node, NodeKind};
pub(crate) use word::ShellWord;

/// What a RUN runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Script {
    /// Its simple commands in the order of their ends, those inside of substitutions and compound
    /// commands included.
    pub(crate) commands: Vec<Command>,
    /// The `|` of its pipes.
    pub(crate) pipes: Vec<Span>,
    /// Its texts: one, or that of the RUN and that of a heredoc for a shell in it.
    pub(crate) parts: Vec<Part>,
}

/// A text of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// The commands as a tree; simple ones are numbers in the script.
    pub(crate) list: List,
    /// What is put into the heredocs in it.
    pub(crate) heredocs: Vec<Vec<Piece>>,
    /// The number of the heredoc that it is.
    pub(crate) heredoc: Option<usize>,
    /// The program that reads it, if that is not the shell of the stage.
    pub(crate) interpreter: Option<String>,
}

/// Programs that run the heredoc that they are given.
const SHELLS: [&str; 7] = ["sh", "bash", "ash", "dash", "zsh", "/bin/sh", "/bin/bash"];

/// What a RUN, or an ONBUILD RUN, runs. Nothing for other instructions, and for text that is no shell
/// script.
pub(crate) fn script(instruction: &Instruction) -> Option<Script> {
    let form = match &instruction.kind {
        InstructionKind::Run(form) => form,
        InstructionKind::Onbuild(onbuild) => return script(onbuild.instruction.as_deref()?),
        _ => return None,
    };
    let text = match form {
        CommandForm::Exec(words) => return Some(exec(words)),
        CommandForm::Shell(text) => text,
    };
    let mut script = Script::default();
    let place = |range: Range<usize>| text.span_of(range);
    let Some(first) = instruction.heredocs.first() else {
        script.read(text.as_str(), None, &place)?;
        return Some(script);
    };
    if is_script(text, first) {
        let line = first.content.lines().next().unwrap_or_default();
        let interpreter = line.strip_prefix("#!");
        let is_shell = |line: &str| Dialect::of(line).is_some() || line.ends_with("zsh");
        let is_foreign = interpreter.is_some_and(|line| !is_shell(line));
        (!is_foreign).then(|| script.read_heredoc(instruction, 0, interpreter))??;
        return Some(script);
    }
    script.read(text.as_str(), None, &place)?;
    if let Some((shell, number)) = script.shell_with_heredoc(instruction) {
        // What cannot be read there takes nothing from what runs it.
        let _is_read = script.read_heredoc(instruction, number, Some(&shell));
    }
    Some(script)
}

/// The first program that a line in shell form runs, if that is sure: nothing is done before it.
pub(crate) fn first_program(line: &Word) -> Option<(String, Span)> {
    let script = script_of_line(line)?;
    let command = script.commands.iter().min_by_key(|command| command.span().start)?;
    let name = command.name();
    (!name.is_empty()).then(|| (name.to_owned(), command.name_span()))
}

/// True if the line is nothing but the heredoc, which then is the script; in `<<EOF bash` it is what `bash` reads.
pub(crate) fn is_script(line: &Word, heredoc: &Heredoc) -> bool {
    heredoc.marker == line.span()
}

/// What a line in shell form runs, if that is a script that shells can read.
pub(crate) fn script_of_line(line: &Word) -> Option<Script> {
    let mut script = Script::default();
    script.read(line.as_str(), None, &|range| line.span_of(range))?;
    Some(script)
}

/// What a file runs, if that is a script that shells can read. Its places are those in the file.
pub(crate) fn script_of_file(text: &str) -> Option<Script> {
    let mut script = Script::default();
    script.read(text, None, &|range: Range<usize>| Span::new(range.start, range.end))?;
    Some(script)
}

/// A word of a command, for those who look at scripts that are in no Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandWord {
    /// The text without quotes; a variable in it is `${name}`.
    pub text: String,
    /// Where it stands in the script, quotes included.
    pub span: Span,
    /// Nothing in it is put in by the shell.
    pub is_literal: bool,
}

/// The simple commands of a script, each with its words from the program on, in the order of their ends: those inside of
/// substitutions and compound commands included. None of a text that no shell can read.
pub fn commands(script: &str) -> Vec<Vec<CommandWord>> {
    let commands = script_of_file(script).map(|script| script.commands).unwrap_or_default();
    let words = |command: Command| {
        let words = command.words.into_iter();
        words
            .map(|word| CommandWord {
                text: word.text,
                span: word.span,
                is_literal: word.is_literal,
            })
            .collect()
    };
    commands.into_iter().map(words).collect()
}

impl Script {
    /// Its texts with everything in them.
    pub(crate) fn texts(&self) -> Vec<Text<'_>> {
        self.parts.iter().map(|part| Text::of(self, part)).collect()
    }

    /// Goes through all of it.
    pub(crate) fn walk<'s>(&'s self, see: &mut dyn FnMut(Seen<'s>)) {
        for part in &self.parts {
            part.walk(self, see);
        }
    }

    /// A shell that runs a heredoc of the instruction, and the number of that: its own, or that of a
    /// command in front of it in its pipeline.
    fn shell_with_heredoc(&self, instruction: &Instruction) -> Option<(String, usize)> {
        let mut shell = None;
        self.walk(&mut |seen| {
            let Seen::Pipeline(pipeline, _) = seen else { return };
            let mut number = None;
            for node in &pipeline.nodes {
                number = heredoc_of(node, instruction).or(number);
                let command = match node.kind {
                    NodeKind::Simple(at) => self.commands.get(at),
                    _ => None,
                };
                let command = command.filter(|command| SHELLS.contains(&command.name()));
                if let (None, Some(command), Some(number)) = (&shell, command, number) {
                    shell = Some((command.name().to_owned(), number));
                }
            }
        });
        shell
    }

    fn read_heredoc(
        &mut self,
        instruction: &Instruction,
        number: usize,
        interpreter: Option<&str>,
    ) -> Option<()> {
        let heredoc = instruction.heredocs.get(number)?;
        let start = heredoc.body.start;
        let place = |range: Range<usize>| Span::new(start + range.start, start + range.end);
        self.read(&heredoc.content, interpreter, &place)?.heredoc = Some(number);
        Some(())
    }

    /// Adds what a text runs, as a part of its own.
    fn read(
        &mut self,
        text: &str,
        interpreter: Option<&str>,
        place: &dyn Fn(Range<usize>) -> Span,
    ) -> Option<&mut Part> {
        let (commands, pipes) = (self.commands.len(), self.pipes.len());
        let found = Found {
            commands: std::mem::take(&mut self.commands),
            pipes: std::mem::take(&mut self.pipes),
            ..Found::default()
        };
        let (list, found) = grammar::read(text, place, found);
        (self.commands, self.pipes) = (found.commands, found.pipes);
        let Some(list) = list else {
            self.commands.truncate(commands);
            self.pipes.truncate(pipes);
            return None;
        };
        let interpreter = interpreter.map(str::to_owned);
        self.parts.push(Part { list, heredocs: found.heredocs, heredoc: None, interpreter });
        self.parts.last_mut()
    }
}

impl Part {
    /// Goes through a text of that script.
    pub(crate) fn walk<'s>(&'s self, script: &'s Script, see: &mut dyn FnMut(Seen<'s>)) {
        walk::walk(script, &self.list, see);
        for pieces in &self.heredocs {
            walk::walk_pieces(script, pieces, see);
        }
    }
}

/// The number of the heredoc of the instruction that a command is given.
fn heredoc_of(node: &Node, instruction: &Instruction) -> Option<usize> {
    let given = node.redirections.iter().filter(|one| matches!(one.operator, "<<" | "<<-"));
    given
        .map(|one| one.target.text.as_str())
        .find_map(|name| instruction.heredocs.iter().position(|heredoc| heredoc.name == *name))
}

fn exec(words: &[Word]) -> Script {
    let words = words.iter().map(|word| ShellWord::bare(word.as_str().to_owned(), word.span()));
    let command = Command::new(Vec::new(), words.collect()).ok();
    Script { commands: command.into_iter().collect(), ..Script::default() }
}

#[cfg(test)]
mod tests;
