//! The syntax tree: a file, its stages, its instructions.

use crate::directive::Directive;
use crate::flag::Flag;
use crate::heredoc::Heredoc;
use crate::instruction::{FromInstruction, InstructionKind};
use crate::span::{Span, Spanned};
use crate::written::Written;

/// A parsed Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dockerfile {
    /// The parser directives at the top, in file order.
    pub directives: Vec<Directive>,
    /// The escape character: `\` unless the `escape` directive says `` ` ``.
    pub escape: char,
    /// The instructions in file order. One too broken to be understood is left out; it has a
    /// diagnostic.
    pub instructions: Vec<Instruction>,
}

/// One instruction as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What the instruction says.
    pub kind: InstructionKind,
    /// The flags as written, known or not, in order.
    pub flags: Vec<Flag>,
    /// The whole instruction: from its name to its last line, heredocs included, without the last
    /// line ending.
    pub span: Span,
    /// First and last line, from 1. Comments and blank lines behind a continuation count.
    pub lines: (u32, u32),
    /// The heredocs in the order of their markers.
    pub heredocs: Vec<Heredoc>,
    pub(crate) written: Written,
}

impl Instruction {
    /// The first flag of that name, given without dashes.
    pub fn flag(&self, name: &str) -> Option<&Flag> {
        self.flags.iter().find(|flag| flag.name.value == name)
    }

    /// All flags of that name in order.
    pub fn flags_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Flag> {
        self.flags.iter().filter(move |flag| flag.name.value == name)
    }

    /// The instruction name as written.
    pub fn keyword(&self) -> Spanned<&str> {
        self.written.keyword()
    }

    /// The instruction on one line: continuations, comments and blank lines inside are gone,
    /// heredoc bodies are not part of it.
    pub fn original(&self) -> &str {
        self.written.line.as_str()
    }

    /// The comments above, without `#` and blanks around. An empty comment line drops those
    /// before it; a blank line does not.
    pub fn comments(&self) -> Vec<Spanned<&str>> {
        self.written.comments()
    }

    /// Blank lines inside a continuation (A1.5).
    pub fn blank_lines(&self) -> Vec<Span> {
        self.written.blank_lines()
    }

    /// What the comments above say about a stage or argument: the rest of the first one that
    /// starts with its name and a blank.
    pub fn description(&self, name: &str) -> Option<&str> {
        let texts = self.comments().into_iter().map(|comment| comment.value);
        texts.filter_map(|text| text.strip_prefix(name)?.strip_prefix(' ')).next()
    }

    /// The value of a boolean flag, or nothing if it is not given (A3.2).
    pub fn switch(&self, name: &str) -> Option<bool> {
        self.flag(name).map(Flag::is_true)
    }
}

/// A stage: `FROM` up to the next `FROM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage<'a> {
    /// Number of the stage, from 0.
    pub index: usize,
    /// What the `FROM` says.
    pub from: &'a FromInstruction,
    /// The `FROM` itself.
    pub instruction: &'a Instruction,
    /// The instructions behind it.
    pub instructions: &'a [Instruction],
}

impl Stage<'_> {
    /// The name to look the stage up by, in lower case (A7.2).
    pub fn name(&self) -> Option<String> {
        self.from.name.as_ref().map(|name| name.value.to_lowercase())
    }
}

impl Dockerfile {
    /// What stands before the first `FROM`: the global `ARG`s (A8.1), and faulty instructions.
    pub fn global_instructions(&self) -> &[Instruction] {
        let end = self.instructions.iter().position(|instruction| instruction.from().is_some());
        self.instructions.get(..end.unwrap_or(self.instructions.len())).unwrap_or(&[])
    }

    /// The stages in file order.
    pub fn stages(&self) -> Vec<Stage<'_>> {
        let starts: Vec<usize> = (0..)
            .zip(&self.instructions)
            .filter_map(|(at, instruction)| instruction.from().map(|_| at))
            .collect();
        let ends = starts.iter().skip(1).copied().chain([self.instructions.len()]);
        let ranges = starts.iter().copied().zip(ends);
        ranges
            .enumerate()
            .filter_map(|(index, (start, end))| self.stage(index, start, end))
            .collect()
    }

    /// The image of the `syntax` directive, if the file has one (A2.4).
    pub fn syntax(&self) -> Option<&Spanned<String>> {
        self.directives.iter().find_map(Directive::syntax)
    }

    fn stage(&self, index: usize, start: usize, end: usize) -> Option<Stage<'_>> {
        let (instruction, instructions) = self.instructions.get(start..end)?.split_first()?;
        Some(Stage { index, from: instruction.from()?, instruction, instructions })
    }
}

impl Instruction {
    /// What the instruction says if it is a `FROM`.
    pub fn from(&self) -> Option<&FromInstruction> {
        match &self.kind {
            InstructionKind::From(from) => Some(&**from),
            _ => None,
        }
    }
}
