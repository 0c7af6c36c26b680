//! Shell patterns in `${v#p}`, `${v%p}` and `${v/p/r}`: `*` and `?` only (A5).
//!
//! A pattern runs as a set of places that moves on with every character: whatever the pattern, the
//! time is at most the product of both lengths.

use crate::place_set::PlaceSet;

/// A character of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Literal(char),
    /// `?`: any character of a line.
    One,
    /// `*`: any number of them.
    Many,
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    tokens: Vec<Token>,
}

impl Pattern {
    /// Reads a pattern. Fails with a message on an escape that it does not know.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let mut tokens: Vec<Token> = Vec::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            let token = match c {
                '*' if tokens.last() == Some(&Token::Many) => continue,
                '*' => Token::Many,
                '?' => Token::One,
                '\\' => Token::Literal(escaped(chars.next())?),
                other => Token::Literal(other),
            };
            tokens.push(token);
        }
        Ok(Self { tokens })
    }

    /// The value without the shortest or longest start that matches.
    pub(super) fn without_prefix(&self, value: &str, longest: bool) -> String {
        let end = self.run(value.chars(), longest).unwrap_or(0);
        value.get(end..).unwrap_or("").to_owned()
    }

    /// The value without the shortest or longest end that matches.
    pub(super) fn without_suffix(&self, value: &str, longest: bool) -> String {
        let length = self.reversed().run(value.chars().rev(), longest).unwrap_or(0);
        value.get(..value.len() - length).unwrap_or("").to_owned()
    }

    /// The value with the first match, or each one, replaced. A match is as long as it can be. Nothing if that is longer than
    /// `most`, but for one replacement.
    pub(super) fn replace(
        &self,
        value: &str,
        (replacement, all): (&str, bool),
        most: usize,
    ) -> Option<String> {
        let mut result = String::with_capacity(value.len());
        let mut copied = 0;
        let mut from = 0;
        for start in self.starts(value) {
            if start < from {
                continue;
            }
            let rest = value.get(start..).unwrap_or("");
            let end = start + self.run(rest.chars(), true).unwrap_or(0);
            result.push_str(value.get(copied..start).unwrap_or(""));
            // An empty match right behind a match does not count.
            if end > copied || start == 0 {
                result.push_str(replacement);
            }
            if result.len() > most.saturating_add(replacement.len()) {
                return None;
            }
            copied = end;
            from = end.max(start + 1);
            if !all {
                break;
            }
        }
        result.push_str(value.get(copied..).unwrap_or(""));
        Some(result)
    }

    fn reversed(&self) -> Self {
        Self { tokens: self.tokens.iter().rev().copied().collect() }
    }

    /// Offsets at which a match starts, ascending: where the reversed pattern ends, read backward.
    fn starts(&self, value: &str) -> Vec<usize> {
        let reversed = self.reversed();
        let mut run = Run::new(&reversed.tokens);
        let mut starts = Vec::new();
        let mut at = value.len();
        if run.accepts() {
            starts.push(at);
        }
        for c in value.chars().rev() {
            at -= c.len_utf8();
            run.step(c);
            run.restart();
            if run.accepts() {
                starts.push(at);
            }
        }
        starts.reverse();
        starts
    }

    /// Bytes of the shortest or longest match from the first character on.
    fn run(&self, chars: impl Iterator<Item = char>, longest: bool) -> Option<usize> {
        let mut run = Run::new(&self.tokens);
        let mut end = run.accepts().then_some(0);
        let mut at = 0;
        for c in chars {
            if (end.is_some() && !longest) || run.now.is_empty() {
                break;
            }
            at += c.len_utf8();
            run.step(c);
            if run.accepts() {
                end = Some(at);
            }
        }
        end
    }
}

/// What a `\` in a pattern makes of the next character.
fn escaped(next: Option<char>) -> Result<char, String> {
    match next {
        Some(c @ ('*' | '?' | '\\' | '}' | '/')) => Ok(c),
        Some(c) => Err(format!("`\\{c}` means nothing in a pattern")),
        None => Err("`\\` at the end of a pattern means nothing".to_owned()),
    }
}

/// A pattern that has read a part of a text.
struct Run<'p> {
    tokens: &'p [Token],
    /// `now` holds `n`: the text so far leads to the front of token `n`.
    now: PlaceSet,
    next: PlaceSet,
}

impl<'p> Run<'p> {
    fn new(tokens: &'p [Token]) -> Self {
        let empty = PlaceSet::new(tokens.len());
        let mut run = Self { tokens, now: empty.clone(), next: empty };
        run.restart();
        run
    }

    /// Lets a match start here, too.
    fn restart(&mut self) {
        enter(self.tokens, 0, &mut self.now);
    }

    fn accepts(&self) -> bool {
        self.now.contains(self.tokens.len())
    }

    fn step(&mut self, c: char) {
        self.next.clear();
        for place in self.now.iter() {
            match self.tokens.get(place) {
                Some(Token::Many) if c != '\n' => enter(self.tokens, place, &mut self.next),
                Some(Token::One) if c != '\n' => enter(self.tokens, place + 1, &mut self.next),
                Some(Token::Literal(literal)) if *literal == c => {
                    enter(self.tokens, place + 1, &mut self.next);
                }
                _ => {}
            }
        }
        std::mem::swap(&mut self.now, &mut self.next);
    }
}

/// Adds a place, and the one behind it if a `*` is there, which needs no character.
fn enter(tokens: &[Token], place: usize, places: &mut PlaceSet) {
    places.insert(place);
    if tokens.get(place) == Some(&Token::Many) {
        places.insert(place + 1);
    }
}
