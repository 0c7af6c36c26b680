//! JSON arrays of strings: the exec form (A4).

use crate::fragment::{Fragment, WordBuilder};
use crate::word::{Word, WordExtent};
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while_m_n, take_while1};
use nom::character::complete::{anychar, char, digit0, one_of};
use nom::combinator::{map_opt, opt, recognize, value};
use nom::sequence::{pair, preceded};
use nom::{IResult, Parser};

/// Deepest nesting that counts as JSON.
const DEEPEST: usize = 10_000;

/// What an argument text is, read as a JSON array.
#[derive(Debug)]
pub(crate) enum JsonArray<'l> {
    /// An array of strings.
    Strings(Vec<Word>),
    /// Valid JSON, but this element is no string (A4.2).
    Other(Fragment<'l>),
    /// Not JSON. The text means something else (A4.3).
    NotJson,
}

/// Reads the whole of `rest`.
pub(crate) fn array<'l>(rest: Fragment<'l>) -> JsonArray<'l> {
    let Some(inner) = rest.trim_start().as_str().strip_prefix('[') else {
        return JsonArray::NotJson;
    };
    elements(rest.tail(inner)).unwrap_or(JsonArray::NotJson)
}

fn elements<'l>(inner: Fragment<'l>) -> Option<JsonArray<'l>> {
    let mut left = inner.tail(skip_blanks(inner.as_str()));
    let mut words = Vec::new();
    let mut other = None;
    if let Some(behind) = left.as_str().strip_prefix(']') {
        return skip_blanks(behind).is_empty().then_some(JsonArray::Strings(words));
    }
    loop {
        let behind = if left.as_str().starts_with('"') {
            let (behind, word) = string(left)?;
            words.push(word);
            behind
        } else {
            let behind = skip_value(left.as_str())?;
            other.get_or_insert(left.head(behind));
            behind
        };
        let behind = skip_blanks(behind);
        if let Some(end) = behind.strip_prefix(']') {
            return skip_blanks(end)
                .is_empty()
                .then(|| other.map_or(JsonArray::Strings(words), JsonArray::Other));
        }
        left = left.tail(skip_blanks(behind.strip_prefix(',')?));
    }
}

/// Reads a string; returns what is behind it and its value.
fn string<'l>(at: Fragment<'l>) -> Option<(&'l str, Word)> {
    let mut left = at.tail(at.as_str().strip_prefix('"')?);
    let (behind, text) = plain(left.as_str()).ok()?;
    if let Some(behind) = behind.strip_prefix('"') {
        let text = left.split_at(text.len()).0.text();
        return Some((behind, Word::new(text, WordExtent::Quoted)));
    }
    let mut word = WordBuilder::new();
    loop {
        let (behind, _) = plain(left.as_str()).ok()?;
        word.push(left.head(behind));
        left = left.tail(behind);
        if let Some(behind) = left.as_str().strip_prefix('"') {
            return Some((behind, word.finish(at.head(behind))));
        }
        let (behind, decoded) = escape(left.as_str()).ok()?;
        word.push_decoded(decoded, left.head(behind));
        left = left.tail(behind);
    }
}

/// Characters that stand for themselves.
fn plain(text: &str) -> IResult<&str, &str> {
    let end = text.bytes().position(|byte| matches!(byte, b'"' | b'\\') || byte < b' ');
    let (plain, rest) = text.split_at_checked(end.unwrap_or(text.len())).unwrap_or((text, ""));
    Ok((rest, plain))
}

fn escape(text: &str) -> IResult<&str, char> {
    let simple = map_opt(anychar, |c| match c {
        '"' | '\\' | '/' => Some(c),
        'b' => Some('\u{8}'),
        'f' => Some('\u{c}'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        _ => None,
    });
    alt((surrogates, unicode, preceded(char('\\'), simple))).parse(text)
}

/// One `\uXXXX`. Half of a pair stands for the replacement character, as in Go.
fn unicode(text: &str) -> IResult<&str, char> {
    code_unit.map(|unit| char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)).parse(text)
}

/// Two `\uXXXX` that are one character.
fn surrogates(text: &str) -> IResult<&str, char> {
    map_opt(pair(code_unit, code_unit), |(high, low)| {
        let high = high.checked_sub(0xd800).filter(|high| *high < 0x400)?;
        let low = low.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
        char::from_u32(0x1_0000 + (high << 10) + low)
    })
    .parse(text)
}

fn code_unit(text: &str) -> IResult<&str, u32> {
    let digits = take_while_m_n(4, 4, |c: char| c.is_ascii_hexdigit());
    map_opt(preceded(tag("\\u"), digits), |digits| u32::from_str_radix(digits, 16).ok()).parse(text)
}

fn skip_blanks(text: &str) -> &str {
    let blanks = text.bytes().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    text.get(blanks.count()..).unwrap_or("")
}

/// What is behind a valid value of any type. Iterative: nesting costs no stack.
fn skip_value(text: &str) -> Option<&str> {
    let mut closers: Vec<char> = Vec::new();
    let mut rest = text;
    loop {
        rest = skip_blanks(rest);
        if let Some(inner) = rest.strip_prefix(['[', '{']) {
            let closer = if rest.starts_with('[') { ']' } else { '}' };
            closers.push(closer);
            if closers.len() >= DEEPEST {
                return None;
            }
            rest = skip_blanks(inner);
            if !rest.starts_with(closer) {
                rest = skip_key(rest, closer)?;
                continue;
            }
        } else {
            rest = skip_scalar(rest).ok()?.0;
        }
        match behind_value(rest, &mut closers)? {
            (behind, true) => return Some(behind),
            (behind, false) => rest = behind,
        }
    }
}

/// Closes what is to be closed. True if nothing is open any more, else a value follows.
fn behind_value<'t>(text: &'t str, closers: &mut Vec<char>) -> Option<(&'t str, bool)> {
    let mut rest = text;
    while let Some(&closer) = closers.last() {
        rest = skip_blanks(rest);
        if let Some(behind) = rest.strip_prefix(closer) {
            rest = behind;
            closers.pop();
        } else {
            let behind = skip_blanks(rest.strip_prefix(',')?);
            return Some((skip_key(behind, closer)?, false));
        }
    }
    Some((rest, true))
}

/// Skips `"key":` if the innermost open value is an object.
fn skip_key(text: &str, closer: char) -> Option<&str> {
    if closer == ']' {
        return Some(text);
    }
    let (behind, _) = skip_string(text).ok()?;
    skip_blanks(behind).strip_prefix(':')
}

fn skip_scalar(text: &str) -> IResult<&str, ()> {
    let word = alt((tag("true"), tag("false"), tag("null")));
    alt((value((), word), value((), number), skip_string)).parse(text)
}

fn skip_string(text: &str) -> IResult<&str, ()> {
    let (mut rest, _) = char('"').parse(text)?;
    loop {
        (rest, _) = plain(rest)?;
        if let Some(behind) = rest.strip_prefix('"') {
            return Ok((behind, ()));
        }
        (rest, _) = escape(rest)?;
    }
}

/// A number, if it fits a double: Go takes no other for JSON.
fn number(text: &str) -> IResult<&str, &str> {
    let whole = alt((tag("0"), recognize(pair(one_of("123456789"), digit0))));
    let digits = || take_while1(|c: char| c.is_ascii_digit());
    let fraction = opt(pair(char('.'), digits()));
    let exponent = opt((one_of("eE"), opt(one_of("+-")), digits()));
    let form = recognize((opt(char('-')), whole, fraction, exponent));
    map_opt(form, |digits: &str| {
        digits.parse::<f64>().ok().filter(|n| n.is_finite()).map(|_| digits)
    })
    .parse(text)
}
