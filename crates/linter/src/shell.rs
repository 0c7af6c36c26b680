//! The commands of RUN: shell text as simple commands, with the place of each word.
//!
//! - `grammar`: lists, pipes, compound commands; what of it is a simple command is kept.
//! - `word`: one word, with quotes and substitutions.
//! - [`command`]: what rules ask of a command: its name, its flags, what else it is given.
//!
//! The text is read as bash reads it. Nothing is expanded: a variable stays in a word as `${name}`.
//! Text that is no shell script (PowerShell, a broken script) has no commands.

pub(crate) mod command;
mod grammar;
mod word;

use std::ops::Range;

use lapstrake_parser::{CommandForm, Instruction, InstructionKind, Span, Word};

pub(crate) use command::{Command, ShellWord};

/// What a RUN runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Script {
    /// Its simple commands in the order of their ends, those inside of substitutions and compound
    /// commands included.
    pub(crate) commands: Vec<Command>,
    /// The `|` of its pipes.
    pub(crate) pipes: Vec<Span>,
    /// Its substitutions in backticks, from one to the other.
    pub(crate) backticks: Vec<Span>,
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
    let Some(heredoc) = instruction.heredocs.first() else {
        return read(text.as_str(), |range| text.span_of(range));
    };
    let start = heredoc.body.start;
    let body = || read(&heredoc.content, |range| Span::new(start + range.start, start + range.end));
    if text.as_str().trim().starts_with("<<") {
        let first = heredoc.content.lines().next().unwrap_or_default();
        let is_foreign = first.starts_with("#!") && !first.ends_with("sh");
        return if is_foreign { None } else { body() };
    }
    let mut script = read(text.as_str(), |range| text.span_of(range))?;
    let is_shell = |command: &Command| SHELLS.contains(&command.name());
    if script.commands.iter().any(is_shell) {
        let inner = body()?;
        script.commands.extend(inner.commands);
        script.pipes.extend(inner.pipes);
        script.backticks.extend(inner.backticks);
    }
    Some(script)
}

fn exec(words: &[Word]) -> Script {
    let words = words.iter().map(|word| ShellWord {
        text: word.as_str().to_owned(),
        span: word.span(),
        is_literal: true,
    });
    let command = Command::new(Vec::new(), words.collect());
    Script { commands: command.into_iter().collect(), ..Script::default() }
}

fn read(text: &str, place: impl Fn(Range<usize>) -> Span) -> Option<Script> {
    let read = grammar::read(text)?;
    let word = |word: word::RawWord| ShellWord {
        text: word.text,
        span: place(word.range),
        is_literal: word.is_literal,
    };
    let commands = read.commands.into_iter().filter_map(|command| {
        let assignments = command.assignments.into_iter().map(word).collect();
        Command::new(assignments, command.words.into_iter().map(word).collect())
    });
    let commands = commands.collect();
    let pipes = read.pipes.into_iter().map(&place).collect();
    Some(Script { commands, pipes, backticks: read.backticks.into_iter().map(&place).collect() })
}

#[cfg(test)]
mod tests;
