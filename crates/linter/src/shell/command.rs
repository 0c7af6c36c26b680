//! A simple command, and what rules ask of it.

use lapstrake_parser::Span;

use super::word::ShellWord;

/// A program with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Command {
    /// `NAME=value` in front of it.
    pub(crate) assignments: Vec<ShellWord>,
    /// All its words.
    pub(crate) words: Vec<ShellWord>,
    /// Which word is the program: there is always one.
    program: usize,
    /// Where its name begins in that word, behind the folders.
    base: usize,
}

/// Programs that run the one that is named behind them.
const WRAPPERS: [&str; 4] = ["busybox", "builtin", "command", "exec"];

impl Command {
    /// The assignments alone if there is no program.
    pub(super) fn new(
        assignments: Vec<ShellWord>,
        words: Vec<ShellWord>,
    ) -> Result<Self, Vec<ShellWord>> {
        if words.is_empty() {
            return Err(assignments);
        }
        let is_wrapper = |(at, word): (usize, &ShellWord)| {
            let is_named = words.get(at + 1).is_some_and(|next| !next.text.starts_with('-'));
            WRAPPERS.contains(&word.text.as_str()) && is_named
        };
        let program = words.iter().enumerate().take_while(|word| is_wrapper(*word)).count();
        let text = words.get(program).map(|word| word.text.as_bytes()).unwrap_or_default();
        let base = memchr::memrchr(b'/', text).map_or(0, |slash| slash + 1);
        Ok(Self { assignments, words, program, base })
    }

    /// What stands behind the program.
    pub(crate) fn arguments(&self) -> &[ShellWord] {
        self.words.get(self.program + 1..).unwrap_or_default()
    }

    /// True if the word of that number is the program.
    pub(crate) const fn is_program(&self, at: usize) -> bool {
        self.program == at
    }

    fn program(&self) -> Option<&ShellWord> {
        self.words.get(self.program)
    }

    /// The program as written; empty if the shell puts something into its name.
    pub(crate) fn name(&self) -> &str {
        self.program().filter(|word| word.is_literal).map_or("", |word| &word.text)
    }

    /// [`Self::name`] without the folders before it.
    pub(crate) fn base_name(&self) -> &str {
        self.name().get(self.base..).unwrap_or_default()
    }

    /// Where the program's name stands.
    pub(crate) fn name_span(&self) -> Span {
        self.program().map_or_else(Span::default, |word| word.span)
    }

    /// From the program to the last argument.
    pub(crate) fn span(&self) -> Span {
        let name = self.name_span();
        self.words.last().map_or(name, |last| name.cover(last.span))
    }

    /// True if an argument reads like this.
    pub(crate) fn has_argument(&self, text: &str) -> bool {
        self.arguments().iter().any(|word| word.text == text)
    }

    /// True if one of the arguments is one of these.
    pub(crate) fn has_any_argument(&self, texts: &[&str]) -> bool {
        texts.iter().any(|text| self.has_argument(text))
    }

    /// The flags with the number of the argument they stand in: `-abc` is three, `--name=value` is
    /// `name`. None behind `--`.
    fn flags(&self) -> impl Iterator<Item = (&str, usize)> {
        let before = self.arguments().iter().take_while(|word| word.text != "--");
        before.enumerate().flat_map(|(at, word)| {
            let flags = word.text.strip_prefix('-').unwrap_or_default();
            let long = flags.strip_prefix('-').map(|long| long.split('=').next().unwrap_or(long));
            let letters = if long.is_some() { "" } else { flags };
            let short = letters
                .char_indices()
                .map(|(at, letter)| letters.get(at..at + letter.len_utf8()).unwrap_or_default());
            long.into_iter().chain(short).map(move |name| (name, at))
        })
    }

    /// True if the flag is given, named without dashes.
    pub(crate) fn has_flag(&self, name: &str) -> bool {
        self.flags().any(|(flag, _)| flag == name)
    }

    /// True if one of the flags is given.
    pub(crate) fn has_any_flag(&self, names: &[&str]) -> bool {
        self.flags().any(|(flag, _)| names.contains(&flag))
    }

    /// How often the flag is given.
    pub(crate) fn count_flag(&self, name: &str) -> usize {
        self.flags().filter(|(flag, _)| *flag == name).count()
    }

    /// The word that holds the value of a flag: `--name=value`, or the word behind it.
    pub(crate) fn flag_value(&self, names: &[&str]) -> Option<&ShellWord> {
        let (_, at) = self.flags().find(|(flag, _)| names.contains(flag))?;
        let word = self.arguments().get(at)?;
        if word.text.contains('=') { Some(word) } else { self.arguments().get(at + 1) }
    }

    /// The arguments that are neither flags nor values of these flags, which take one.
    pub(crate) fn operands(&self, with_value: &[&str]) -> Vec<&ShellWord> {
        let mut left_out: Vec<usize> = Vec::new();
        for (name, at) in self.flags() {
            left_out.push(at);
            let is_inline = || self.arguments().get(at).is_some_and(|word| word.text.contains('='));
            if with_value.contains(&name) && !is_inline() {
                left_out.push(at + 1);
            }
        }
        let words = self.arguments().iter().enumerate();
        let words = words.filter(|(at, word)| !left_out.contains(at) && word.text != "--");
        words.map(|(_, word)| word).collect()
    }
}
