//! The expansion itself: one pass over the word with a stack of what is open.
//!
//! Everything is written to one output. A substitution notes where its word starts there and, at
//! its `}`, keeps or replaces what came since. So nesting costs neither stack nor copies.

use crate::expand::fault::unclosed_quote;
use crate::expand::splitter::Splitter;
use crate::expand::{ExpandError, ExpandedWord, Expander, Quotes, Reference, Variables};
use std::ops::Range;

/// What is open at a place of the word.
pub(super) enum Frame {
    /// A double quote, opened at this offset.
    DoubleQuote { open: usize, raw: bool },
    /// `${name` and a modifier.
    Substitution(Substitution),
}

pub(super) struct Substitution {
    /// Offset of `$`.
    pub(super) open: usize,
    pub(super) name: Range<usize>,
    pub(super) modifier: Modifier,
    pub(super) value: Option<String>,
    /// Where the word, or the pattern and then the replacement, starts in the output.
    pub(super) start: usize,
    /// The pattern of `${v/p/r}`, once its end is reached.
    pub(super) pattern: Option<String>,
    /// True if the variable is unset and stays as written.
    pub(super) kept: bool,
}

/// What stands behind the name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Modifier {
    /// `-`, `+`, `?`, `#`, `%`, `/`; anything else is a fault.
    pub(super) kind: char,
    /// With a `:` in front: an empty value counts as unset.
    pub(super) colon: bool,
    /// `//`.
    pub(super) all: bool,
}

pub(super) struct Machine<'a, V> {
    pub(super) expander: Expander,
    pub(super) input: &'a str,
    pub(super) at: usize,
    pub(super) variables: &'a V,
    pub(super) output: String,
    pub(super) frames: Vec<Frame>,
    pub(super) splitter: Option<Splitter>,
    pub(super) used: Vec<Reference>,
    pub(super) undefined: Vec<Reference>,
    /// The bytes of values that were put in.
    pub(super) filled_in: usize,
}

impl<'a, V: Variables> Machine<'a, V> {
    pub(super) fn new(expander: Expander, input: &'a str, variables: &'a V, split: bool) -> Self {
        Self {
            expander,
            input,
            at: 0,
            variables,
            output: String::with_capacity(input.len()),
            frames: Vec::new(),
            splitter: split.then(Splitter::default),
            used: Vec::new(),
            undefined: Vec::new(),
            filled_in: 0,
        }
    }

    /// Reads the whole input.
    pub(super) fn run(&mut self) -> Result<(), ExpandError> {
        while let Some(next) = self.peek() {
            if matches!(self.frames.last(), Some(Frame::DoubleQuote { .. })) {
                self.step_in_quotes(next)?;
            } else {
                self.step(next)?;
            }
            if self.filled_in > self.most() {
                return Err(self.too_long());
            }
        }
        match self.unclosed() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// The most bytes of values in one text. Variables made of variables could else be of any length.
    pub(super) fn most(&self) -> usize {
        match self.expander.quotes {
            // A file, which is the value of no variable.
            Quotes::Ordinary => 1 << 20,
            // The most that Linux takes for one variable of a process (`MAX_ARG_STRLEN`).
            Quotes::Remove | Quotes::Keep => 128 << 10,
        }
    }

    /// The variables that are set and those that are not.
    pub(super) fn references(&mut self) -> (Vec<Reference>, Vec<Reference>) {
        (std::mem::take(&mut self.used), std::mem::take(&mut self.undefined))
    }

    pub(super) fn into_text(self) -> String {
        self.output
    }

    pub(super) fn into_words(self) -> Vec<ExpandedWord> {
        self.splitter.unwrap_or_default().finish()
    }

    pub(super) fn rest(&self) -> &'a str {
        self.input.get(self.at..).unwrap_or("")
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn take(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// One step outside double quotes.
    fn step(&mut self, next: char) -> Result<(), ExpandError> {
        if self.stop() == Some(next) {
            self.at += next.len_utf8();
            return self.close_part();
        }
        match next {
            '$' => self.dollar(),
            '\'' if self.expander.quotes != Quotes::Ordinary => self.single_quote(),
            '"' if self.expander.quotes != Quotes::Ordinary => {
                self.open_quote();
                Ok(())
            }
            '<' if self.rest().starts_with("<<") => {
                self.heredoc_operator();
                Ok(())
            }
            _ if next == self.expander.escape => {
                self.escaped();
                Ok(())
            }
            _ => {
                self.plain();
                Ok(())
            }
        }
    }

    /// One step inside double quotes.
    fn step_in_quotes(&mut self, next: char) -> Result<(), ExpandError> {
        match next {
            '"' => {
                self.at += 1;
                if self.expander.quotes == Quotes::Keep {
                    self.output.push('"');
                }
                if let Some(Frame::DoubleQuote { open, .. }) = self.frames.pop() {
                    self.emit_protected(open);
                }
            }
            '$' => return self.dollar(),
            _ if next == self.expander.escape => self.escaped_in_quotes(),
            _ => {
                let escape = self.expander.escape;
                let rest = self.rest();
                let end = rest.find(['"', '$', escape]);
                let run = rest.get(..end.unwrap_or(rest.len())).unwrap_or("");
                self.output.push_str(run);
                self.at += run.len();
            }
        }
        Ok(())
    }

    /// The character that ends the innermost part of a substitution.
    pub(super) fn stop(&self) -> Option<char> {
        match self.frames.last()? {
            Frame::DoubleQuote { .. } => None,
            Frame::Substitution(open) if open.modifier.kind == '/' && open.pattern.is_none() => {
                Some('/')
            }
            Frame::Substitution(_) => Some('}'),
        }
    }

    /// True if escape characters stay: in patterns and replacements, or if asked for.
    fn raw(&self) -> bool {
        match self.frames.last() {
            None => self.expander.keep_escapes,
            Some(Frame::DoubleQuote { raw, .. }) => *raw,
            Some(Frame::Substitution(open)) => matches!(open.modifier.kind, '#' | '%' | '/'),
        }
    }

    /// Takes characters that mean themselves.
    fn plain(&mut self) {
        let rest = self.rest();
        let stop = self.stop();
        let escape = self.expander.escape;
        let special =
            |c: char| matches!(c, '$' | '\'' | '"' | '<') || c == escape || Some(c) == stop;
        // The first one was looked at: it means itself even if it is one of these.
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let behind = rest.get(first..).unwrap_or("");
        let length = first + behind.find(special).unwrap_or(behind.len());
        let run = rest.get(..length).unwrap_or("");
        let start = self.at;
        self.output.push_str(run);
        self.at += length;
        self.emit(start, true);
    }

    /// Takes an escape character and what it protects. At the end of the word it vanishes.
    fn escaped(&mut self) {
        let start = self.at;
        if self.raw() {
            self.output.push(self.expander.escape);
        }
        self.take();
        if let Some(kept) = self.take() {
            self.output.push(kept);
        }
        self.emit_protected(start);
    }

    /// Inside double quotes an escape character is special only in front of `"`, `$` and itself.
    fn escaped_in_quotes(&mut self) {
        let escape = self.expander.escape;
        let raw = self.raw();
        self.take();
        match self.peek() {
            Some(next) if next == '"' || next == '$' || next == escape => {
                if raw {
                    self.output.push(escape);
                }
                self.output.push(next);
                self.take();
            }
            // Raw text is read again as a pattern: there a literal one is written twice.
            Some(_) if raw => self.output.extend([escape, escape]),
            Some(_) => self.output.push(escape),
            None => {}
        }
    }

    /// Text in single quotes is literal.
    fn single_quote(&mut self) -> Result<(), ExpandError> {
        let start = self.at;
        let inner = self.rest().get(1..).unwrap_or("");
        let Some(length) = inner.find('\'') else {
            return Err(unclosed_quote('\'', start..self.input.len()));
        };
        let keep = self.expander.quotes == Quotes::Keep;
        let text = if keep { self.rest().get(..length + 2) } else { inner.get(..length) };
        self.output.push_str(text.unwrap_or(""));
        self.at += length + 2;
        self.emit_protected(start);
        Ok(())
    }

    fn open_quote(&mut self) {
        let raw = self.raw();
        if self.expander.quotes == Quotes::Keep {
            self.output.push('"');
        }
        self.frames.push(Frame::DoubleQuote { open: self.at, raw });
        self.at += 1;
    }

    /// `<<` and the blanks behind it stay with the word that follows: a heredoc marker.
    fn heredoc_operator(&mut self) {
        let start = self.at;
        let rest = self.rest();
        let angles = "<<".len();
        let behind = rest.get(angles..).unwrap_or("");
        let blanks = behind.len() - behind.trim_start_matches(['\t', '\r', ' ']).len();
        let text = rest.get(..angles + blanks).unwrap_or("");
        self.output.push_str(text);
        self.at += text.len();
        self.emit_protected(start);
    }

    /// Hands what is in the output to the splitter, if nothing is open.
    pub(super) fn emit(&mut self, start: usize, literal: bool) {
        if !self.frames.is_empty() {
            return;
        }
        if let Some(splitter) = &mut self.splitter {
            splitter.push(&self.output, &(start..self.at), literal);
            self.output.clear();
        }
    }

    /// The same for text whose white space is protected.
    fn emit_protected(&mut self, start: usize) {
        if !self.frames.is_empty() {
            return;
        }
        if let Some(splitter) = &mut self.splitter {
            splitter.push_protected(&self.output, &(start..self.at));
            self.output.clear();
        }
    }
}
