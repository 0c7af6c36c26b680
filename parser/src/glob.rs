//! Path patterns as in `COPY *.txt`: the rules of Go's `filepath.Match`, on bytes (A11.1).
//!
//! ```text
//! *       any number of characters, not /
//! ?       one character, not /
//! [a-z]   one of these characters; [^a-z] none of these
//! \x      the character x
//! ```
//!
//! A character is a UTF-8 sequence, or a single byte where there is none.

use crate::glob::token::Token;
use std::fmt;

pub(crate) mod run;
pub(crate) mod token;

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    tokens: Vec<Token>,
}

/// The pattern is not well formed: a class that is empty or not closed, or a `\` at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPattern {
    /// The pattern.
    pub pattern: String,
}

impl fmt::Display for BadPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the pattern `{}` is not well formed", self.pattern)
    }
}

impl std::error::Error for BadPattern {}

impl Glob {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// The pattern is not well formed.
    pub fn new(pattern: &[u8]) -> Result<Self, BadPattern> {
        let bad = || BadPattern { pattern: String::from_utf8_lossy(pattern).into_owned() };
        let tokens = token::tokens(pattern).ok_or_else(bad)?;
        Ok(Self { tokens })
    }

    /// True if the whole of `path` matches. A directory does not match what is in it.
    ///
    /// Takes at most time in the product of both lengths.
    pub fn matches(&self, path: &[u8]) -> bool {
        run::matches(&self.tokens, path)
    }

    /// True if something in the directory may match. The empty path is the root.
    pub fn may_match_below(&self, directory: &[u8]) -> bool {
        directory.is_empty() || run::may_match_below(&self.tokens, directory)
    }
}

/// True if the pattern holds a `*`, `?` or `[` that no backslash escapes: it may match several
/// paths.
pub fn has_wildcard(pattern: &[u8]) -> bool {
    let mut bytes = pattern.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'*' | b'?' | b'[' => return true,
            _ => {}
        }
    }
    false
}

/// True if the pattern has a wildcard, a class or an escape, and so is no plain path.
pub fn has_meta(pattern: &[u8]) -> bool {
    pattern.iter().any(|byte| b"*?[\\".contains(byte))
}

/// True if the path matches the pattern. To match many paths compile a [`Glob`].
///
/// # Errors
/// The pattern is not well formed.
pub fn matches(pattern: &[u8], path: &[u8]) -> Result<bool, BadPattern> {
    Ok(Glob::new(pattern)?.matches(path))
}
