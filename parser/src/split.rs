//! Splitting arguments into words (A1.13).

use crate::fragment::Fragment;
use nom::branch::alt;
use nom::bytes::complete::{take_till, take_while, take_while1};
use nom::character::complete::{anychar, char};
use nom::combinator::{eof, opt, recognize, value};
use nom::multi::many1_count;
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};

/// A blank between arguments. Not every white space of Unicode is one.
pub(crate) const fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{b}' | '\u{c}' | '\r')
}

/// Splits at blanks, quotes or not: how paths, ports and the arguments of FROM are read.
pub(crate) fn blank_separated<'l>(rest: Fragment<'l>) -> Vec<Fragment<'l>> {
    let text = rest.as_str();
    let mut words = Vec::new();
    let mut at = 0;
    for word in text.split(is_blank) {
        if !word.is_empty() {
            words.push(rest.part(at..at + word.len()));
        }
        // Blanks are one byte each.
        at += word.len() + 1;
    }
    words
}

/// Splits at the first run of blanks.
pub(crate) fn first_word<'l>(rest: Fragment<'l>) -> (Fragment<'l>, Option<Fragment<'l>>) {
    let text = rest.as_str();
    let Some(length) = text.find(is_blank) else { return (rest, None) };
    let (word, behind) = rest.split_at(length);
    let behind = behind.tail(behind.as_str().trim_start_matches(is_blank));
    (word, Some(behind))
}

/// Splits at white space outside quotes, and keeps the quotes: how pairs are read.
///
/// A quote without its partner runs to the end.
pub(crate) fn quoted_words<'l>(rest: Fragment<'l>, escape: char) -> Vec<Fragment<'l>> {
    let mut words = Vec::new();
    let mut left = rest.tail(rest.as_str().trim_start());
    while let Ok((behind, word)) = quoted_word(left.as_str(), escape) {
        words.push(left.part(0..word.len()));
        left = left.tail(behind.trim_start());
    }
    words
}

fn quoted_word(text: &str, escape: char) -> IResult<&str, &str> {
    let plain = value(
        (),
        take_while1(move |c: char| !c.is_whitespace() && c != '\'' && c != '"' && c != escape),
    );
    let escaped = value((), (char(escape), opt(anychar)));
    let single = value((), delimited(char('\''), take_till(|c| c == '\''), opt(char('\''))));
    let double = value((), preceded(char('"'), move |rest| double_quoted(rest, escape)));
    recognize(many1_count(alt((plain, escaped, single, double)))).parse(text)
}

/// The rest of a double-quoted string, with its end if it has one.
fn double_quoted(text: &str, escape: char) -> IResult<&str, ()> {
    let mut rest = text;
    loop {
        let (behind, _) = take_while(|c| c != '"' && c != escape)(rest)?;
        let (behind, end) = opt(alt((value((), char('"')), eof.map(|_| ())))).parse(behind)?;
        if end.is_some() {
            return Ok((behind, ()));
        }
        (rest, ()) = value((), (char(escape), opt(anychar))).parse(behind)?;
    }
}
