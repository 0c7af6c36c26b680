//! A pattern with wildcards. Most paths are refused without running it: they lack a text that every
//! match has.

use crate::glob::run;
use crate::glob::token::{Token, push_literal};
use memchr::memmem;

/// A compiled pattern, and the texts that no match is without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wild {
    tokens: Vec<Token>,
    /// What a match starts with, ends with, and has somewhere. Any of them may be empty.
    start: Vec<u8>,
    end: Vec<u8>,
    inside: Vec<u8>,
}

impl Wild {
    pub(super) fn new(tokens: Vec<Token>) -> Self {
        let literals: Vec<Vec<u8>> = tokens.split(|token| !is_literal(token)).map(text).collect();
        let first = literals.first().cloned().unwrap_or_default();
        let last = literals.last().cloned().unwrap_or_default();
        let inside = literals.into_iter().max_by_key(Vec::len).unwrap_or_default();
        Self { tokens, start: first, end: last, inside }
    }

    pub(super) fn matches(&self, path: &[u8]) -> bool {
        path.ends_with(&self.end) && self.may_match(path) && run::matches(&self.tokens, path)
    }

    /// True if the pattern matches the path or a directory it is in.
    pub(super) fn matches_or_parent(&self, path: &[u8]) -> bool {
        self.may_match(path) && run::matches_or_parent(&self.tokens, path)
    }

    /// True if the pattern may match something in the directory.
    pub(super) fn may_match_below(&self, directory: &[u8]) -> bool {
        directory.is_empty() || run::may_match_below(&self.tokens, directory)
    }

    /// False if no start of the path is a match.
    fn may_match(&self, path: &[u8]) -> bool {
        path.starts_with(&self.start) && memmem::find(path, &self.inside).is_some()
    }
}

const fn is_literal(token: &Token) -> bool {
    matches!(token, Token::Literal(_))
}

fn text(literals: &[Token]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(literals.len());
    for token in literals {
        push_literal(token, &mut bytes);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ignore_file::pattern::tokens;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn what_is_refused_early_is_no_match(
            pattern in "(a|b|/|\\*|\\*\\*/|\\?|\\[ab\\]|\\[\\^a/\\]|\\\\\\*|é){0,8}",
            path in "(a|b|/|é|\\*){0,8}",
        ) {
            if let Some(tokens) = tokens(pattern.as_bytes()) {
                let wild = Wild::new(tokens.clone());
                let path = path.as_bytes();
                prop_assert_eq!(wild.matches(path), run::matches(&tokens, path));
                let slow = run::matches_or_parent(&tokens, path);
                prop_assert_eq!(wild.matches_or_parent(path), slow);
            }
        }
    }
}
