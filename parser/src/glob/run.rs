//! Runs a pattern over a path as a set of places: no pattern takes more than the product of both
//! lengths.

use super::token::{SLASH, Token, Unit, unit};
use crate::place_set::PlaceSet;

/// A pattern that has read a part of a path.
pub(crate) struct Run<'t> {
    tokens: &'t [Token],
    /// `now` holds `n`: the text so far leads to the front of token `n`.
    now: PlaceSet,
    next: PlaceSet,
}

impl<'t> Run<'t> {
    pub(crate) fn new(tokens: &'t [Token]) -> Self {
        let empty = PlaceSet::new(tokens.len());
        let mut run = Self { tokens, now: empty.clone(), next: empty };
        enter(tokens, 0, &mut run.now);
        run
    }

    /// True if what was read is a match.
    pub(crate) fn accepts(&self) -> bool {
        self.now.contains(self.tokens.len())
    }

    /// True if nothing that begins with what was read is a match.
    pub(crate) fn is_dead(&self) -> bool {
        self.now.is_empty()
    }

    /// Reads on.
    pub(crate) fn step(&mut self, unit: Unit) {
        self.next.clear();
        for place in self.now.iter() {
            let next = match self.tokens.get(place) {
                Some(Token::Literal(literal)) if *literal == unit => place + 1,
                Some(Token::One) if unit != SLASH => place + 1,
                Some(Token::Many) if unit != SLASH => place,
                Some(Token::Class(class)) if class.holds(unit) => place + 1,
                Some(Token::Everything) => place,
                Some(Token::Directories) => {
                    // Once begun it can only go on, or end with a slash.
                    self.next.insert(place);
                    if unit != SLASH {
                        continue;
                    }
                    place + 1
                }
                _ => continue,
            };
            enter(self.tokens, next, &mut self.next);
        }
        std::mem::swap(&mut self.now, &mut self.next);
    }
}

/// Adds a place, and those behind it that need no character.
fn enter(tokens: &[Token], place: usize, places: &mut PlaceSet) {
    let mut place = place;
    places.insert(place);
    while let Some(Token::Many | Token::Everything | Token::Directories) = tokens.get(place) {
        place += 1;
        places.insert(place);
    }
}

/// True if the tokens match the whole path.
pub(crate) fn matches(tokens: &[Token], path: &[u8]) -> bool {
    let mut run = Run::new(tokens);
    let mut rest = path;
    while let Some((unit, behind)) = unit(rest) {
        if run.is_dead() {
            return false;
        }
        run.step(unit);
        rest = behind;
    }
    run.accepts()
}

/// True if the tokens match the whole path or a directory it is in.
pub(crate) fn matches_or_parent(tokens: &[Token], path: &[u8]) -> bool {
    let mut run = Run::new(tokens);
    let mut rest = path;
    while let Some((unit, behind)) = unit(rest) {
        if run.is_dead() {
            return false;
        }
        if unit == SLASH && run.accepts() {
            return true;
        }
        run.step(unit);
        rest = behind;
    }
    run.accepts()
}

/// True if the tokens may match something in the directory `path`.
pub(crate) fn may_match_below(tokens: &[Token], path: &[u8]) -> bool {
    let mut run = Run::new(tokens);
    let mut rest = path;
    while let Some((unit, behind)) = unit(rest) {
        run.step(unit);
        rest = behind;
    }
    run.step(SLASH);
    !run.is_dead()
}
