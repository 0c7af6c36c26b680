//! Instruction flags: `--name=value` right behind the instruction name (A3).

use crate::fragment::{Fragment, WordBuilder};
use crate::span::{Span, Spanned};
use crate::text::Text;
use crate::word::Word;
use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::take_while1;
use nom::character::complete::{anychar, char};
use nom::combinator::{opt, recognize};
use nom::sequence::preceded;

/// One flag of an instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// The name without dashes; its span has them.
    pub name: Spanned<Text>,
    /// What is behind the `=`, without quotes; nothing if there is no `=`.
    pub value: Option<Word>,
    /// The whole flag.
    pub span: Span,
}

impl Flag {
    /// What a boolean flag says: alone or as `=true` it is true (A3.2).
    pub fn is_true(&self) -> bool {
        self.value.as_ref().is_none_or(|value| value.text.eq_ignore_ascii_case("true"))
    }

    /// The value, or the empty string.
    pub fn text(&self) -> &str {
        self.value.as_ref().map_or("", Word::as_str)
    }
}

/// Takes the flags off the front of the arguments; `--` alone ends them.
#[inline]
pub(crate) fn flags<'l>(rest: Fragment<'l>, escape: char) -> (Vec<Flag>, Fragment<'l>) {
    let mut flags = Vec::new();
    let mut left = rest.trim_start();
    while left.as_str().starts_with("--") {
        let (flag, behind) = flag(left, escape);
        left = behind.trim_start();
        match flag {
            Some(flag) => flags.push(flag),
            None => break,
        }
    }
    (flags, left)
}

/// Reads one flag, or nothing from `--` alone.
fn flag<'l>(from: Fragment<'l>, escape: char) -> (Option<Flag>, Fragment<'l>) {
    let text = from.as_str();
    let special = |c: char| c == '\'' || c == '"' || c == escape;
    let end = text.find(|c: char| special(c) || c.is_whitespace()).unwrap_or(text.len());
    if text.get(end..).is_some_and(|rest| rest.starts_with(special)) {
        let (word, behind) = unquoted(from, escape);
        return (word_flag(&word), behind);
    }
    let (word, behind) = from.split_at(end);
    (plain_flag(word), behind)
}

/// A flag without quotes and escapes.
fn plain_flag(word: Fragment<'_>) -> Option<Flag> {
    let (name, value) = match word.split_once(b'=') {
        Some((name, value)) => (name, Some(value)),
        None => (word, None),
    };
    let dashes = 2;
    if name.as_str().len() == dashes && value.is_none() {
        return None;
    }
    Some(Flag {
        name: Spanned::new(name.split_at(dashes).1.text(), name.span()),
        value: value.map(|value| value.word()),
        span: word.span(),
    })
}

fn word_flag(word: &Word) -> Option<Flag> {
    let text = word.as_str();
    let name_end = text.find('=').unwrap_or(text.len());
    let name = Text::from(text.get(2..name_end).unwrap_or(""));
    let value = text.get(name_end..).is_some_and(|rest| !rest.is_empty());
    (text != "--").then(|| Flag {
        name: Spanned::new(name, word.span_of(0..name_end)),
        value: value.then(|| word.skip(name_end + 1)),
        span: word.span(),
    })
}

/// Reads a word and takes its quotes and escapes away.
fn unquoted<'l>(from: Fragment<'l>, escape: char) -> (Word, Fragment<'l>) {
    let mut builder = WordBuilder::new();
    let mut left = from;
    let mut quote = None;
    while let Some(next) = left.as_str().chars().next() {
        if quote.is_none() && next.is_whitespace() {
            break;
        }
        let behind = if quote == Some(next) {
            quote = None;
            left.split_at(next.len_utf8()).1
        } else if quote.is_none() && (next == '\'' || next == '"') {
            quote = Some(next);
            left.split_at(next.len_utf8()).1
        } else {
            piece(left, escape, quote, &mut builder)
        };
        left = behind;
    }
    let whole = from.head(left.as_str());
    (builder.finish(whole), left)
}

/// Takes one run of plain characters, or what an escape character takes its meaning from.
fn piece<'l>(
    left: Fragment<'l>,
    escape: char,
    quote: Option<char>,
    builder: &mut WordBuilder,
) -> Fragment<'l> {
    let text = left.as_str();
    let ends = |c: char| match quote {
        Some(quote) => c == quote || c == escape,
        None => c == '\'' || c == '"' || c == escape || c.is_whitespace(),
    };
    let plain = take_while1(|c| !ends(c));
    let escaped = preceded(char(escape), recognize(opt(anychar)));
    let mut either = alt((plain, escaped));
    let parsed: nom::IResult<&str, &str> = either.parse(text);
    let Ok((rest, kept)) = parsed else { return left.tail("") };
    let behind = left.tail(rest);
    let taken = left.head(rest);
    let skipped = taken.as_str().len().saturating_sub(kept.len());
    builder.push(taken.split_at(skipped).1);
    behind
}
