//! What the shell puts into words: variables, what commands print, arithmetic, braces.

use std::ops::Range;

use super::grammar::Reader;
use super::piece::{Parameter, Piece, PieceKind};

/// How long a brace expansion may be.
const LONGEST_BRACES: usize = 500;

/// How long `((…))` may be.
const LONGEST_ARITHMETIC: usize = 1_000;

impl Reader<'_> {
    pub(super) fn backticks(&mut self) -> Option<PieceKind> {
        self.next();
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
        let list = self.inside(start..self.at - 1, Self::list)?;
        Some(PieceKind::Substitution { list, in_backticks: true })
    }

    /// What begins with `$`; nothing is read if that is only a dollar.
    pub(super) fn dollar(&mut self) -> Option<Option<PieceKind>> {
        let start = self.at;
        self.next();
        let kind = match self.peek() {
            Some('\'') => self.dollar_quoted()?,
            Some('"') => self.double_quoted()?,
            Some('(') => match self.arithmetic_range() {
                Some(range) => PieceKind::Arithmetic(self.arithmetic(range)?),
                None => {
                    self.next();
                    let list = self.list_until(')')?;
                    PieceKind::Substitution { list, in_backticks: false }
                }
            },
            Some('{') => {
                self.next();
                PieceKind::Parameter(Box::new(self.deeper(Self::braced)?))
            }
            Some(letter) if letter.is_ascii_alphabetic() || letter == '_' => {
                PieceKind::Parameter(Box::new(Parameter::named(self.name())))
            }
            Some(letter) if letter.is_ascii_digit() || "@*#?-$!".contains(letter) => {
                self.next();
                PieceKind::Parameter(Box::new(Parameter::named(letter.into())))
            }
            _ => {
                self.at = start;
                return Some(None);
            }
        };
        Some(Some(kind))
    }

    fn name(&mut self) -> String {
        let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
        let start = self.at;
        self.at += self.bytes().iter().take_while(is_part).count();
        self.slice(start..self.at).to_owned()
    }

    /// `$'…'`, in which `\` protects a quote.
    fn dollar_quoted(&mut self) -> Option<PieceKind> {
        self.next();
        let mut text = String::new();
        loop {
            match self.next()? {
                '\'' => return Some(PieceKind::DollarSingle(text)),
                '\\' => text.push(self.next()?),
                letter => text.push(letter),
            }
        }
    }

    /// Behind `${`, up to behind its `}`.
    fn braced(&mut self) -> Option<Parameter> {
        let sign = self.peek().filter(|letter| matches!(letter, '!' | '#'));
        let sign = sign.filter(|_| !self.rest().get(1..).unwrap_or_default().starts_with('}'));
        self.at += usize::from(sign.is_some());
        let mut name = self.name();
        if name.is_empty() && self.peek().is_some_and(|letter| "@*#?-$!".contains(letter)) {
            name.extend(self.next());
        }
        let start = self.at;
        let mut pieces = Vec::new();
        loop {
            let before = self.at;
            let kind = match self.peek()? {
                '}' => break,
                '\\' => {
                    self.escaped(&mut String::new());
                    None
                }
                '\'' => Some(self.single_quoted()?),
                '"' => Some(self.double_quoted()?),
                '`' => Some(self.backticks()?),
                '$' => self.dollar()?,
                _ => None,
            };
            match kind {
                Some(kind) => pieces.push(Piece { span: self.since(before), kind }),
                None if self.at == before => {
                    self.next();
                }
                None => {}
            }
        }
        let modifier = self.slice(start..self.at).to_owned();
        self.next();
        Some(Parameter { name, sign, modifier, is_braced: true, pieces })
    }

    /// Where the inside of `((…))` stands, if that is here: `((a) || (b))` is a subshell. Looks ahead no
    /// further than [`LONGEST_ARITHMETIC`].
    pub(super) fn arithmetic_range(&self) -> Option<Range<usize>> {
        if !self.rest().starts_with("((") {
            return None;
        }
        let mut depth = 0_usize;
        for (at, letter) in self.rest().bytes().enumerate().take(LONGEST_ARITHMETIC) {
            match letter {
                b'(' => depth += 1,
                b')' => depth = depth.checked_sub(1)?,
                _ => {}
            }
            if letter == b')' && depth == 1 {
                let is_closed = self.rest().get(at..)?.starts_with("))");
                return is_closed.then_some(self.at + 2..self.at + at);
            }
        }
        None
    }

    /// Reads the inside of `((…))`, and goes behind it.
    pub(super) fn arithmetic(&mut self, range: Range<usize>) -> Option<Vec<Piece>> {
        self.at = range.end + 2;
        self.inside(range, |reader| {
            let mut pieces = Vec::new();
            while let Some(letter) = reader.peek() {
                let before = reader.at;
                let kind = match letter {
                    '$' => reader.dollar()?,
                    '`' => Some(reader.backticks()?),
                    letter if letter.is_ascii_alphabetic() || letter == '_' => {
                        Some(PieceKind::Literal(reader.name()))
                    }
                    _ => None,
                };
                match kind {
                    Some(kind) => pieces.push(Piece { span: reader.since(before), kind }),
                    None => {
                        reader.next();
                    }
                }
            }
            Some(pieces)
        })
    }

    /// `{a,b}` or `{1..3}`, if that is here.
    pub(super) fn braces(&mut self) -> Option<Option<PieceKind>> {
        let Some(range) = self.brace_range() else { return Some(None) };
        self.at = range.end + 1;
        let pieces = self.inside(range, Self::brace_elements)?;
        Some(Some(PieceKind::Braces(pieces)))
    }

    /// Where the inside of a brace expansion stands, if one is here. Looks ahead no further than
    /// [`LONGEST_BRACES`].
    fn brace_range(&self) -> Option<Range<usize>> {
        let (mut depth, mut parentheses, mut is_list) = (0_usize, 0_usize, false);
        let mut quote = None;
        let mut before = 0;
        for (at, letter) in self.rest().bytes().enumerate().take(LONGEST_BRACES) {
            match letter {
                _ if before == b'\\' => {}
                b'\'' | b'"' if quote.is_none() => quote = Some(letter),
                _ if quote.is_some() => quote = quote.filter(|quote| *quote != letter),
                b'(' => parentheses += 1,
                b')' => parentheses = parentheses.checked_sub(1)?,
                _ if parentheses > 0 => {}
                b'{' => depth += 1,
                b'}' => depth = depth.checked_sub(1)?,
                b',' if depth == 1 => is_list = true,
                b'.' if depth == 1 && before == b'.' => is_list = true,
                b' ' | b'\t' | b'\n' | b'\r' | b';' | b'&' | b'|' | b'<' | b'>' => return None,
                _ => {}
            }
            if depth == 0 {
                return is_list.then_some(self.at + 1..self.at + at);
            }
            before = if before == b'\\' { 0 } else { letter };
        }
        None
    }

    fn brace_elements(&mut self) -> Option<Vec<Piece>> {
        let mut pieces = Vec::new();
        while let Some(letter) = self.peek() {
            let before = self.at;
            let kind = match letter {
                '\\' => {
                    self.escaped(&mut String::new());
                    continue;
                }
                '\'' => Some(self.single_quoted()?),
                '"' => Some(self.double_quoted()?),
                '`' => Some(self.backticks()?),
                '$' => self.dollar()?,
                '{' => self.braces()?,
                _ => None,
            };
            match kind {
                Some(kind) => pieces.push(Piece { span: self.since(before), kind }),
                None => {
                    self.next();
                }
            }
        }
        Some(pieces)
    }
}
