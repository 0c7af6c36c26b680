//! What can be wrong with a word.

use crate::diagnostic::Code;
use crate::expand::ExpandError;
use crate::expand::Variables;
use crate::expand::machine::{Frame, Machine, Substitution};
use std::ops::Range;

/// `${…}` is not understood.
pub(super) const SUBSTITUTION: Code = "invalid-substitution";
/// `${v:?}` of a variable that is not set.
const REQUIRED: Code = "required-variable";
const QUOTE: Code = "unclosed-quote";

impl<V: Variables> Machine<'_, V> {
    /// The fault of a word that ends while something is open.
    pub(super) fn unclosed(&self) -> Option<ExpandError> {
        let substitution = self.frames.iter().find_map(|frame| match frame {
            Frame::Substitution(open) => Some(open.open),
            Frame::DoubleQuote { .. } => None,
        });
        match (substitution, self.frames.first()?) {
            (Some(open), _) => Some(self.missing_brace(open)),
            (None, Frame::DoubleQuote { open, .. }) => {
                Some(unclosed_quote('"', *open..self.input.len()))
            }
            (None, Frame::Substitution(_)) => None,
        }
    }

    pub(super) fn missing_brace(&self, open: usize) -> ExpandError {
        ExpandError {
            code: SUBSTITUTION,
            message: "the `}` of a variable is missing".to_owned(),
            range: open..self.input.len(),
            hint: Some("write `\\$` for a dollar sign that starts no variable"),
            variable: None,
        }
    }

    pub(super) fn bad_substitution(&self, open: usize) -> ExpandError {
        ExpandError {
            code: SUBSTITUTION,
            message: "`${` is not followed by the name of a variable".to_owned(),
            range: open..self.at,
            hint: Some("write `\\$` for a dollar sign that starts no variable"),
            variable: None,
        }
    }

    pub(super) fn too_long(&self) -> ExpandError {
        ExpandError {
            code: SUBSTITUTION,
            message: format!(
                "the values of variables are longer than {} KiB here",
                self.most() >> 10
            ),
            range: 0..self.at,
            hint: Some("no process could be given as much: put it into a file"),
            variable: None,
        }
    }

    pub(super) fn unsupported(&self, from: usize) -> ExpandError {
        let modifier = self.input.get(from..).unwrap_or("");
        let mut chars = modifier.chars();
        let is_double =
            chars.next().is_some_and(|first| first == ':' || chars.next() == Some(first));
        let modifier: String = modifier.chars().take(if is_double { 2 } else { 1 }).collect();
        ExpandError {
            code: SUBSTITUTION,
            range: from..from + modifier.len(),
            message: format!("`{modifier}` does not work in `${{…}}`"),
            hint: Some("these do: `:-` `-` `:+` `+` `:?` `?` `#` `##` `%` `%%` `/` `//`"),
            variable: None,
        }
    }

    /// `${v:?message}` of a variable that is not set.
    pub(super) fn required(&self, closed: &Substitution) -> ExpandError {
        let name = self.input.get(closed.name.clone()).unwrap_or("");
        let word = self.output.get(closed.start..).unwrap_or("");
        let message = match (word, &closed.value) {
            ("", None) => format!("{name}: is not allowed to be unset"),
            ("", Some(_)) => format!("{name}: is not allowed to be empty"),
            (word, _) => format!("{name}: {word}"),
        };
        let range = closed.open..self.at;
        ExpandError { code: REQUIRED, message, range, hint: None, variable: Some(name.to_owned()) }
    }
}

pub(super) fn unclosed_quote(quote: char, range: Range<usize>) -> ExpandError {
    ExpandError {
        code: QUOTE,
        message: format!("the closing `{quote}` is missing"),
        range,
        hint: Some("put a `\\` in front of a quote that is meant as a character"),
        variable: None,
    }
}
