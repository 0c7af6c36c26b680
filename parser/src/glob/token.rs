//! The parts of a path pattern.

/// A part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// This unit.
    Literal(Unit),
    /// `?`.
    One,
    /// `*`.
    Many,
    /// `[…]`.
    Class(Class),
    /// `**` in an ignore pattern with more behind it: nothing, or anything that ends with `/`.
    Directories,
    /// `**` at the end of an ignore pattern: anything.
    Everything,
}

/// What a wildcard counts as one: a character, or a byte that is not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Char(char),
    Byte(u8),
}

/// Between directories.
pub(crate) const SLASH: Unit = Unit::Char('/');

/// A set of characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Class {
    negated: bool,
    ranges: Vec<(char, char)>,
}

impl Class {
    pub(crate) fn holds(&self, unit: Unit) -> bool {
        let c = match unit {
            Unit::Char(c) => c,
            Unit::Byte(_) => char::REPLACEMENT_CHARACTER,
        };
        self.ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != self.negated
    }
}

/// Adds the text of a literal; false for a part that is none.
pub(crate) fn push_literal(token: &Token, text: &mut Vec<u8>) -> bool {
    match token {
        Token::Literal(Unit::Char(c)) => {
            text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        Token::Literal(Unit::Byte(byte)) => text.push(*byte),
        _ => return false,
    }
    true
}

/// Splits a pattern into its parts; nothing if it is not well formed.
pub(crate) fn tokens(pattern: &[u8]) -> Option<Vec<Token>> {
    let mut tokens = Vec::with_capacity(pattern.len());
    let mut rest = pattern;
    while !rest.is_empty() {
        let (token, behind) = token(rest)?;
        if token != Token::Many || tokens.last() != Some(&Token::Many) {
            tokens.push(token);
        }
        rest = behind;
    }
    Some(tokens)
}

/// Reads one part and returns what is behind it.
pub(crate) fn token(pattern: &[u8]) -> Option<(Token, &[u8])> {
    let (&first, rest) = pattern.split_first()?;
    match first {
        b'*' => Some((Token::Many, rest)),
        b'?' => Some((Token::One, rest)),
        b'[' => class(rest).map(|(class, rest)| (Token::Class(class), rest)),
        b'\\' => unit(rest).map(|(unit, rest)| (Token::Literal(unit), rest)),
        _ => unit(pattern).map(|(unit, rest)| (Token::Literal(unit), rest)),
    }
}

/// The rest of `[…]`. At least one range, then `]`.
fn class(pattern: &[u8]) -> Option<(Class, &[u8])> {
    let (negated, mut rest) = match pattern.strip_prefix(b"^") {
        Some(rest) => (true, rest),
        None => (false, pattern),
    };
    let mut ranges = Vec::new();
    loop {
        if let (Some(behind), false) = (rest.strip_prefix(b"]"), ranges.is_empty()) {
            return Some((Class { negated, ranges }, behind));
        }
        let (low, behind) = bound(rest)?;
        let (high, behind) = match behind.strip_prefix(b"-") {
            Some(behind) => bound(behind)?,
            None => (low, behind),
        };
        ranges.push((low, high));
        rest = behind;
    }
}

/// One character of a class, maybe escaped. `-` and `]` must be.
fn bound(pattern: &[u8]) -> Option<(char, &[u8])> {
    let pattern = match *pattern.first()? {
        b'-' | b']' => return None,
        b'\\' => pattern.get(1..)?,
        _ => pattern,
    };
    match unit(pattern)? {
        (Unit::Char(c), rest) => Some((c, rest)),
        (Unit::Byte(_), _) => None,
    }
}

/// The first unit of a text and what is behind it.
pub(crate) fn unit(text: &[u8]) -> Option<(Unit, &[u8])> {
    let (&first, rest) = text.split_first()?;
    if first.is_ascii() {
        return Some((Unit::Char(char::from(first)), rest));
    }
    let longest = text.get(..4).unwrap_or(text);
    let decoded = longest.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next());
    match decoded {
        Some(c) => Some((Unit::Char(c), text.get(c.len_utf8()..)?)),
        None => Some((Unit::Byte(first), rest)),
    }
}
