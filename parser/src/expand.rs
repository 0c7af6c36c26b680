//! Quotes and variables in a word: what `"$a/${b:-c}"` means (A5).
//!
//! [`expand`] gives one text, [`expand_words`] splits the text at white space once the variables
//! are in. An [`Expander`] is for the places with rules of their own: heredoc bodies, and step
//! names.
//!
//! The rules are those of BuildKit's code, with these differences. They matter to no file that
//! works on both:
//! - the replacement in `${v//p/r}` is literal; there `$1` in it means a part of the match;
//! - text in front of `${v:-w}` in one word stays with it when split; there it is lost;
//! - the error names the innermost quote that is not closed.

mod fault;
mod machine;
mod pattern;
mod splitter;
mod substitution;

use crate::diagnostic::Code;
use crate::expand::machine::Machine;
use std::ops::Range;

/// Where the values of variables come from.
pub trait Variables {
    /// The value of a variable, or nothing if it is unset. A set variable may be empty.
    fn lookup(&self, name: &str) -> Option<String>;
}

impl<F: Fn(&str) -> Option<String>> Variables for F {
    fn lookup(&self, name: &str) -> Option<String> {
        self(name)
    }
}

/// What happens to quotes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Quotes {
    /// They protect and are taken away.
    #[default]
    Remove,
    /// They protect and stay.
    Keep,
    /// They are characters like any other.
    Ordinary,
}

/// How to expand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Expander {
    /// The escape character of the file.
    pub escape: char,
    /// What happens to quotes.
    pub quotes: Quotes,
    /// True to keep escape characters; what they protect is protected all the same.
    pub keep_escapes: bool,
    /// True to leave an unset variable as written.
    pub keep_undefined: bool,
}

/// A variable that a word names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    /// The name.
    pub name: String,
    /// The bytes of the word it was named at, from `$` to the end of the name or to `}`.
    pub range: Range<usize>,
}

/// A word once its variables are in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expanded {
    /// The text.
    pub text: String,
    /// The variables that are set, in the order of their places.
    pub used: Vec<Reference>,
    /// The variables that are not set, likewise. One with a default counts too.
    pub undefined: Vec<Reference>,
}

/// The words of a text once its variables are in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpandedWords {
    /// The words. None of them is empty.
    pub words: Vec<ExpandedWord>,
    /// The variables that are set, in the order of their places.
    pub used: Vec<Reference>,
    /// The variables that are not set, likewise.
    pub undefined: Vec<Reference>,
}

/// One word of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpandedWord {
    /// The text.
    pub text: String,
    /// The bytes it was made from. Words from one variable share its bytes.
    pub range: Range<usize>,
}

/// So many faults of one word are found at once: each takes another look at the word.
const MOST_FAULTS: usize = 20;

/// Why a word cannot be expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpandError {
    /// The broken rule.
    pub code: Code,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// The bytes of the word at fault.
    pub range: Range<usize>,
    /// What the author can do.
    pub hint: Option<&'static str>,
    /// The variable that has no value, if that is all that is wrong.
    pub variable: Option<String>,
}

impl std::fmt::Display for ExpandError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ExpandError {}

/// Expands a word: quotes and escapes are taken away, variables are replaced.
///
/// # Errors
/// Fails on a substitution or a quote that is not closed or not understood, and on `${v:?…}`.
pub fn expand(
    word: &str,
    variables: &impl Variables,
    escape: char,
) -> Result<Expanded, ExpandError> {
    Expander::new(escape).expand(word, variables)
}

/// Expands a text and splits it at white space that no quote protects (EXPOSE).
///
/// # Errors
/// As [`expand`].
pub fn expand_words(
    text: &str,
    variables: &impl Variables,
    escape: char,
) -> Result<ExpandedWords, ExpandError> {
    Expander::new(escape).expand_words(text, variables)
}

impl Expander {
    /// For the arguments of instructions.
    pub const fn new(escape: char) -> Self {
        Self { escape, quotes: Quotes::Remove, keep_escapes: false, keep_undefined: false }
    }

    /// For the body of a heredoc of COPY or ADD: quotes stay, every `\` takes itself away,
    /// whatever the file's escape character is (A6.6).
    pub const fn heredoc_body() -> Self {
        Self { quotes: Quotes::Ordinary, ..Self::new('\\') }
    }

    /// For the name of a step: quotes and unset variables stay.
    pub const fn step_name(escape: char) -> Self {
        Self { quotes: Quotes::Keep, keep_undefined: true, ..Self::new(escape) }
    }

    /// Expands to one text.
    ///
    /// # Errors
    /// As the function [`expand`].
    pub fn expand(self, word: &str, variables: &impl Variables) -> Result<Expanded, ExpandError> {
        let mut machine = Machine::new(self, word, variables, false);
        machine.run()?;
        let (used, undefined) = machine.references();
        Ok(Expanded { text: machine.into_text(), used, undefined })
    }

    /// What is wrong with a word: the error of [`Expander::expand`], then those that are left when
    /// plain characters stand where it was. One that reaches over an earlier one may follow from it
    /// and is left out.
    pub fn faults(self, word: &str, variables: &impl Variables) -> Vec<ExpandError> {
        let (mut text, mut faults) = (word.to_owned(), Vec::new());
        for _ in 0..MOST_FAULTS {
            let Err(fault) = self.expand(&text, variables) else { break };
            text.replace_range(fault.range.clone(), &"x".repeat(fault.range.len()));
            let meets = |earlier: &ExpandError| {
                fault.range.start < earlier.range.end && earlier.range.start < fault.range.end
            };
            if !faults.iter().any(meets) {
                faults.push(fault);
            }
        }
        faults
    }

    /// Expands and splits.
    ///
    /// # Errors
    /// As the function [`expand`].
    pub fn expand_words(
        self,
        text: &str,
        variables: &impl Variables,
    ) -> Result<ExpandedWords, ExpandError> {
        let mut machine = Machine::new(self, text, variables, true);
        machine.run()?;
        let (used, undefined) = machine.references();
        Ok(ExpandedWords { words: machine.into_words(), used, undefined })
    }
}
