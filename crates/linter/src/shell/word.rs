//! One word of shell text.

use std::ops::Range;

use super::grammar::Reader;

/// A word, its place counted in the shell text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RawWord {
    /// Without quotes; variables are `${name}`.
    pub(super) text: String,
    pub(super) range: Range<usize>,
    /// Nothing in it is put in by the shell.
    pub(super) is_literal: bool,
    /// Nothing in it is quoted: it may be a keyword.
    pub(super) is_bare: bool,
}

/// What ends a word.
const ENDS: [char; 10] = [' ', '\t', '\n', '\r', ';', '&', '|', '<', '>', ')'];

/// What stands in a word for what a command prints.
const PRINTED: &str = "${VAR}";

impl Reader<'_> {
    /// Reads a word. It may be empty where none begins. Nothing if a quote is never closed.
    pub(super) fn word(&mut self) -> Option<RawWord> {
        let start = self.at;
        let mut word =
            RawWord { text: String::new(), range: start..start, is_literal: true, is_bare: true };
        while let Some(letter) = self.peek() {
            match letter {
                letter if ENDS.contains(&letter) => break,
                '(' if word.text.ends_with(['?', '*', '+', '@', '!']) && word.is_bare => {
                    word.text.push_str(self.parenthesized()?);
                }
                // An array.
                '(' if word.text.ends_with('=') => self.array()?,
                '(' => break,
                '\\' => self.escaped(&mut word),
                '\'' => self.single_quoted(&mut word)?,
                '"' => self.double_quoted(&mut word)?,
                '`' => self.backticks(&mut word)?,
                '$' => self.dollar(&mut word)?,
                letter => {
                    word.text.push(letter);
                    self.next();
                }
            }
        }
        word.range = start..self.at;
        Some(word)
    }

    fn escaped(&mut self, word: &mut RawWord) {
        self.next();
        word.is_bare = false;
        match self.next() {
            Some('\n') | None => {}
            Some(letter) => word.text.push(letter),
        }
    }

    fn single_quoted(&mut self, word: &mut RawWord) -> Option<()> {
        self.next();
        word.is_bare = false;
        let end = self.rest().find('\'')?;
        word.text.push_str(self.rest().get(..end)?);
        self.at += end + 1;
        Some(())
    }

    /// `$'…'`, in which `\` protects a quote.
    fn dollar_quoted(&mut self, word: &mut RawWord) -> Option<()> {
        self.next();
        word.is_bare = false;
        loop {
            match self.next()? {
                '\'' => return Some(()),
                '\\' => word.text.push(self.next()?),
                letter => word.text.push(letter),
            }
        }
    }

    fn double_quoted(&mut self, word: &mut RawWord) -> Option<()> {
        self.next();
        word.is_bare = false;
        loop {
            match self.peek()? {
                '"' => {
                    self.next();
                    return Some(());
                }
                '\\' => {
                    self.next();
                    match self.next()? {
                        '\n' => {}
                        letter => {
                            if !matches!(letter, '"' | '\\' | '$' | '`') {
                                word.text.push('\\');
                            }
                            word.text.push(letter);
                        }
                    }
                }
                '`' => self.backticks(word)?,
                '$' if !self.rest().starts_with("$'") => self.dollar(word)?,
                letter => {
                    word.text.push(letter);
                    self.next();
                }
            }
        }
    }

    fn backticks(&mut self, word: &mut RawWord) -> Option<()> {
        self.next();
        word.is_literal = false;
        word.text.push_str(PRINTED);
        let start = self.at;
        loop {
            match self.next()? {
                '\\' => {
                    self.next();
                }
                '`' => break,
                _ => {}
            }
        }
        self.found.backticks.push(start - 1..self.at);
        self.inside(start..self.at - 1)
    }

    /// What begins with `$`.
    fn dollar(&mut self, word: &mut RawWord) -> Option<()> {
        self.next();
        match self.peek() {
            Some('\'') => return self.dollar_quoted(word),
            Some('"') => return self.double_quoted(word),
            Some('(') if self.rest().starts_with("((") && self.arithmetic().is_some() => {
                word.text.push_str(PRINTED);
            }
            Some('(') => {
                self.next();
                self.list_until(')')?;
                word.text.push_str(PRINTED);
            }
            Some('{') => {
                self.next();
                let name = self.braced()?;
                word.text.push_str(&format!("${{{name}}}"));
            }
            Some(letter) if letter.is_ascii_alphabetic() || letter == '_' => {
                let end = self.rest().find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                let end = end.unwrap_or(self.rest().len());
                word.text.push_str(&format!("${{{}}}", self.rest().get(..end)?));
                self.at += end;
            }
            Some(letter) if letter.is_ascii_digit() || "@*#?-$!".contains(letter) => {
                word.text.push_str(&format!("${{{letter}}}"));
                self.next();
            }
            _ => {
                word.text.push('$');
                return Some(());
            }
        }
        word.is_literal = false;
        word.is_bare = false;
        Some(())
    }

    /// Behind `${`, up to behind its `}`: the name.
    fn braced(&mut self) -> Option<String> {
        let rest = self.rest();
        let name = rest.trim_start_matches(['!', '#']);
        let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let name = name.get(..end.unwrap_or(name.len()))?.to_owned();
        let mut ignored =
            RawWord { text: String::new(), range: 0..0, is_literal: true, is_bare: true };
        loop {
            match self.peek()? {
                '}' => {
                    self.next();
                    return Some(name);
                }
                '\\' => self.escaped(&mut ignored),
                '\'' => self.single_quoted(&mut ignored)?,
                '"' => self.double_quoted(&mut ignored)?,
                '`' => self.backticks(&mut ignored)?,
                '$' => self.deeper(|reader| reader.dollar(&mut ignored))?,
                _ => {
                    self.next();
                }
            }
        }
    }

    /// `((…))`; nothing is read if it is no such thing.
    pub(super) fn arithmetic(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        for (at, letter) in self.rest().char_indices() {
            match letter {
                '(' => depth += 1,
                ')' => depth = depth.checked_sub(1)?,
                _ => {}
            }
            if depth == 0 {
                let is_closed = self.rest().get(..=at)?.ends_with("))");
                self.at += if is_closed { at + 1 } else { 0 };
                return is_closed.then_some(());
            }
        }
        None
    }

    /// `(…)` of a pattern.
    fn parenthesized(&mut self) -> Option<&str> {
        let mut depth = 0_usize;
        let start = self.at;
        while let Some(letter) = self.next() {
            match letter {
                '(' => depth += 1,
                ')' => depth = depth.checked_sub(1)?,
                _ => {}
            }
            if depth == 0 {
                return self.text().get(start..self.at);
            }
        }
        None
    }

    /// `(word word)` behind `NAME=`.
    fn array(&mut self) -> Option<()> {
        self.next();
        loop {
            self.skip_blank_lines();
            match self.peek()? {
                ')' => {
                    self.next();
                    return Some(());
                }
                _ => {
                    let before = self.at;
                    self.deeper(|reader| reader.word().map(|_| ()))?;
                    if self.at == before {
                        return None;
                    }
                }
            }
        }
    }
}
