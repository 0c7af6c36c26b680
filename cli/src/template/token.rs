//! From text to tokens: what stands between `{{` and `}}`, and what stands outside.

use std::iter::Peekable;
use std::str::Chars;

use super::{Fault, Outcome};

/// A piece of a template.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    Text(String),
    Action(Vec<Token>),
}

/// A word of an action.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// `.Name`, or a lone dot without names; `Some` name before it for `$name`.
    Fields {
        of: Option<String>,
        names: Vec<String>,
    },
    /// `.Name` right behind a closing parenthesis.
    Behind(Vec<String>),
    Name(String),
    Text(String),
    Number(i64),
    Pipe,
    Open,
    Close,
    Comma,
    Declare,
    Assign,
}

/// Splits a template.
pub(super) fn tokens(text: &str) -> Outcome<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    let mut trim_left = false;
    loop {
        let (before, action) = match rest.split_once("{{") {
            Some((before, action)) => (before, Some(action)),
            None => (rest, None),
        };
        let before = if trim_left { before.trim_start() } else { before };
        let trimmed = action.and_then(|action| action.strip_prefix('-'));
        let trimmed = trimmed.filter(|action| action.starts_with(char::is_whitespace));
        let before = if trimmed.is_some() { before.trim_end() } else { before };
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        let Some(action) = trimmed.or(action) else { return Ok(pieces) };
        let after;
        (after, trim_left) = match comment(action)? {
            Some(found) => found,
            None => {
                let mut words = Words { chars: action.chars().peekable(), used: 0 };
                let (tokens, trim) = words.all()?;
                pieces.push(Piece::Action(tokens));
                (action.get(words.used..).unwrap_or_default(), trim)
            }
        };
        rest = after;
    }
}

/// What follows a comment, and whether it is trimmed.
fn comment(action: &str) -> Outcome<Option<(&str, bool)>> {
    let Some(inside) = action.trim_start().strip_prefix("/*") else { return Ok(None) };
    let (_, after) = inside.split_once("*/").ok_or_else(|| Fault::new("a comment has no end"))?;
    let after = after.trim_start();
    let (after, trim) = match after.strip_prefix('-') {
        Some(after) => (after, true),
        None => (after, false),
    };
    match after.strip_prefix("}}") {
        Some(after) => Ok(Some((after, trim))),
        None => Err(Fault::new("a comment stands alone in its braces")),
    }
}

struct Words<'a> {
    chars: Peekable<Chars<'a>>,
    /// Bytes taken.
    used: usize,
}

impl Words<'_> {
    /// All tokens up to `}}`, and whether what follows is trimmed.
    fn all(&mut self) -> Outcome<(Vec<Token>, bool)> {
        let mut tokens: Vec<Token> = Vec::new();
        let mut after_space = true;
        loop {
            let Some(next) = self.take() else { return Err(Fault::new("{{ has no }}")) };
            match next {
                '}' if self.take_if('}') => return Ok((tokens, false)),
                '-' if after_space && self.take_if('}') => {
                    let ended = self.take_if('}');
                    return if ended { Ok((tokens, true)) } else { Err(unexpected('}')) };
                }
                next if next.is_whitespace() => {
                    after_space = true;
                    continue;
                }
                next => {
                    let is_behind = !after_space && tokens.last() == Some(&Token::Close);
                    tokens.push(self.token(next, is_behind)?);
                }
            }
            after_space = false;
        }
    }

    fn token(&mut self, first: char, is_behind: bool) -> Outcome<Token> {
        Ok(match first {
            '|' => Token::Pipe,
            '(' => Token::Open,
            ')' => Token::Close,
            ',' => Token::Comma,
            ':' if self.take_if('=') => Token::Declare,
            '=' => Token::Assign,
            '.' if is_behind => Token::Behind(self.names_after_dot()?),
            '.' => Token::Fields { of: None, names: self.names_after_dot()? },
            '$' => {
                let name = self.word(String::new());
                let names = if self.take_if('.') { self.names_after_dot()? } else { Vec::new() };
                Token::Fields { of: Some(name), names }
            }
            '"' => Token::Text(self.quoted()?),
            '`' => Token::Text(self.until('`')?),
            '-' | '0'..='9' => self.number(first)?,
            first if is_letter(first) => Token::Name(self.word(first.to_string())),
            other => return Err(unexpected(other)),
        })
    }

    /// `A.B` behind a dot; nothing behind a lone one.
    fn names_after_dot(&mut self) -> Outcome<Vec<String>> {
        let mut names = Vec::new();
        loop {
            let name = self.word(String::new());
            if name.is_empty() {
                let lone = names.is_empty();
                return if lone { Ok(names) } else { Err(Fault::new("a field has no name")) };
            }
            names.push(name);
            if !self.take_if('.') {
                return Ok(names);
            }
        }
    }

    fn word(&mut self, mut word: String) -> String {
        while let Some(&next) = self.chars.peek() {
            if !is_letter(next) && !next.is_ascii_digit() {
                break;
            }
            word.push(next);
            self.take();
        }
        word
    }

    fn number(&mut self, first: char) -> Outcome<Token> {
        let digits = self.word(first.to_string());
        let number = digits.parse().map_err(|_| Fault::new(format!("{digits} is no number")))?;
        Ok(Token::Number(number))
    }

    fn until(&mut self, end: char) -> Outcome<String> {
        let mut text = String::new();
        loop {
            match self.take() {
                Some(next) if next == end => return Ok(text),
                Some(next) => text.push(next),
                None => return Err(Fault::new("a text has no end")),
            }
        }
    }

    fn quoted(&mut self) -> Outcome<String> {
        let mut text = String::new();
        loop {
            match self.take() {
                Some('"') => return Ok(text),
                Some('\\') => text.push(self.escaped()?),
                Some(next) => text.push(next),
                None => return Err(Fault::new("a text has no end")),
            }
        }
    }

    fn escaped(&mut self) -> Outcome<char> {
        Ok(match self.take() {
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some(quoted @ ('"' | '\\')) => quoted,
            Some('u') => self.code(4)?,
            Some('x') => self.code(2)?,
            Some(other) => return Err(Fault::new(format!("\\{other} is not supported"))),
            None => return Err(Fault::new("a text has no end")),
        })
    }

    fn code(&mut self, digits: usize) -> Outcome<char> {
        let digits: String = (0..digits).filter_map(|_| self.take()).collect();
        let code = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
        code.ok_or_else(|| Fault::new(format!("{digits} is no character")))
    }

    fn take(&mut self) -> Option<char> {
        let next = self.chars.next()?;
        self.used = self.used.saturating_add(next.len_utf8());
        Some(next)
    }

    fn take_if(&mut self, wanted: char) -> bool {
        let found = self.chars.peek() == Some(&wanted);
        if found {
            self.take();
        }
        found
    }
}

fn is_letter(letter: char) -> bool {
    letter.is_alphabetic() || letter == '_'
}

fn unexpected(letter: char) -> Fault {
    Fault::new(format!("{letter:?} is not expected"))
}
