//! A simple command, and what rules ask of it.

use lapstrake_parser::Span;

/// A word of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ShellWord {
    /// The text without quotes; variables are `${name}`.
    pub(crate) text: String,
    /// Where it stands, quotes included.
    pub(crate) span: Span,
    /// Nothing in it is put in by the shell.
    pub(crate) is_literal: bool,
}

/// A program with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Command {
    /// `NAME=value` in front of it.
    pub(crate) assignments: Vec<ShellWord>,
    program: ShellWord,
    /// What stands behind the program.
    pub(crate) arguments: Vec<ShellWord>,
}

/// Programs that run the one that is named behind them.
const WRAPPERS: [&str; 4] = ["busybox", "builtin", "command", "exec"];

impl Command {
    /// Nothing if there is no program: only assignments.
    pub(super) fn new(assignments: Vec<ShellWord>, words: Vec<ShellWord>) -> Option<Self> {
        let mut words = words.into_iter().peekable();
        let mut program = words.next()?;
        while WRAPPERS.contains(&program.text.as_str()) {
            match words.next_if(|word| !word.text.starts_with('-')) {
                Some(next) => program = next,
                None => break,
            }
        }
        Some(Self { assignments, program, arguments: words.collect() })
    }

    /// The program as written; empty if the shell puts something into its name.
    pub(crate) fn name(&self) -> &str {
        if self.program.is_literal { &self.program.text } else { "" }
    }

    /// Where the program's name stands.
    pub(crate) const fn name_span(&self) -> Span {
        self.program.span
    }

    /// From the program to the last argument.
    pub(crate) fn span(&self) -> Span {
        self.arguments.last().map_or(self.program.span, |last| self.program.span.cover(last.span))
    }

    /// True if an argument reads like this.
    pub(crate) fn has_argument(&self, text: &str) -> bool {
        self.arguments.iter().any(|word| word.text == text)
    }

    /// True if one of the arguments is one of these.
    pub(crate) fn has_any_argument(&self, texts: &[&str]) -> bool {
        texts.iter().any(|text| self.has_argument(text))
    }

    /// The flags with the number of the argument they stand in: `-abc` is three, `--name=value` is
    /// `name`. None behind `--`.
    fn flags(&self) -> impl Iterator<Item = (String, usize)> {
        let before = self.arguments.iter().take_while(|word| word.text != "--");
        before.enumerate().flat_map(|(at, word)| {
            let names = match (word.text.strip_prefix("--"), word.text.strip_prefix('-')) {
                (Some(long), _) => vec![long.split('=').next().unwrap_or_default().to_owned()],
                (None, Some(short)) => short.chars().map(String::from).collect(),
                (None, None) => Vec::new(),
            };
            names.into_iter().map(move |name| (name, at))
        })
    }

    /// True if the flag is given, named without dashes.
    pub(crate) fn has_flag(&self, name: &str) -> bool {
        self.flags().any(|(flag, _)| flag == name)
    }

    /// True if one of the flags is given.
    pub(crate) fn has_any_flag(&self, names: &[&str]) -> bool {
        self.flags().any(|(flag, _)| names.contains(&flag.as_str()))
    }

    /// How often the flag is given.
    pub(crate) fn count_flag(&self, name: &str) -> usize {
        self.flags().filter(|(flag, _)| flag == name).count()
    }

    /// The word that holds the value of a flag: `--name=value`, or the word behind it.
    pub(crate) fn flag_value(&self, names: &[&str]) -> Option<&ShellWord> {
        let (_, at) = self.flags().find(|(flag, _)| names.contains(&flag.as_str()))?;
        let word = self.arguments.get(at)?;
        if word.text.contains('=') { Some(word) } else { self.arguments.get(at + 1) }
    }

    /// The arguments that are neither flags nor values of these flags, which take one.
    pub(crate) fn operands(&self, with_value: &[&str]) -> Vec<&ShellWord> {
        let flags: Vec<(String, usize)> = self.flags().collect();
        let mut left_out: Vec<usize> = flags.iter().map(|(_, at)| *at).collect();
        for (name, at) in &flags {
            let is_inline = self.arguments.get(*at).is_some_and(|word| word.text.contains('='));
            if with_value.contains(&name.as_str()) && !is_inline {
                left_out.push(at + 1);
            }
        }
        let words = self.arguments.iter().enumerate();
        let words = words.filter(|(at, word)| !left_out.contains(at) && word.text != "--");
        words.map(|(_, word)| word).collect()
    }
}
