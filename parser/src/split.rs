//! Splitting arguments into words (A1.13), and taking blanks off.

use crate::eight::Eight;
use crate::fragment::Fragment;

/// A blank between arguments. Not every white space of Unicode is one.
const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\x0b' | b'\x0c' | b'\r')
}

/// Splits at blanks, quotes or not: how paths, ports and the arguments of FROM are read.
pub(crate) fn blank_separated<'l>(rest: Fragment<'l>) -> impl Iterator<Item = Fragment<'l>> {
    let mut left = Some(rest);
    std::iter::from_fn(move || {
        let (word, behind) = first_word(left?);
        left = behind;
        Some(word)
    })
    .filter(|word| !word.is_empty())
}

/// Splits at the first run of blanks.
pub(crate) fn first_word<'l>(rest: Fragment<'l>) -> (Fragment<'l>, Option<Fragment<'l>>) {
    let (word, behind) = first_blank(rest.as_str());
    (rest.split_at(word.len()).0, behind.map(|behind| rest.tail(behind)))
}

/// The same of a text.
pub(crate) fn first_blank(text: &str) -> (&str, Option<&str>) {
    let Some(end) = text.bytes().position(is_blank) else { return (text, None) };
    let (word, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    let blanks = rest.bytes().take_while(|byte| is_blank(*byte)).count();
    (word, rest.get(blanks..))
}

/// Splits at white space outside quotes, and keeps the quotes: how pairs are read.
///
/// A quote without its partner runs to the end.
pub(crate) fn quoted_words<'l>(
    rest: Fragment<'l>,
    escape: char,
) -> impl Iterator<Item = Fragment<'l>> {
    let mut left = rest.trim_start();
    std::iter::from_fn(move || {
        let (word, behind) = left.split_at(quoted_word(left.as_str(), escape));
        left = behind.trim_start();
        (!word.is_empty()).then_some(word)
    })
}

/// The bytes that mean themselves in a word, whatever the escape character is.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0x21;
    while byte < 0x7f {
        plain[byte] = !matches!(byte as u8, b'\'' | b'"' | b'\\' | b'`');
        byte += 1;
    }
    plain
};

/// Length of the word at the front.
fn quoted_word(text: &str, escape: char) -> usize {
    let plain = |byte: u8| PLAIN.get(usize::from(byte)).copied().unwrap_or(false);
    let mut rest = text;
    loop {
        let Some(run) = rest.bytes().position(|byte| !plain(byte)) else { return text.len() };
        if rest.as_bytes().get(run) == Some(&b' ') {
            return text.len() - rest.len() + run;
        }
        let mut chars = rest.get(run..).unwrap_or("").chars();
        let left = chars.as_str();
        match chars.next() {
            None => return text.len(),
            Some(c) if c.is_whitespace() => return text.len().saturating_sub(left.len()),
            Some(c) if c == escape => {
                chars.next();
                rest = chars.as_str();
            }
            Some(quote @ ('\'' | '"')) => rest = behind_quote(chars.as_str(), quote, escape),
            Some(_) => rest = chars.as_str(),
        }
    }
}

/// What is behind a quoted text, given what is behind its first quote. Only between double quotes
/// does the escape character protect the next one.
fn behind_quote(text: &str, quote: char, escape: char) -> &str {
    let ends = |c: char| c == quote || (c == escape && quote == '"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| ends(char::from(byte))) {
        let mut chars = rest.get(at..).unwrap_or("").chars();
        let is_end = chars.next() == Some(quote);
        if is_end {
            return chars.as_str();
        }
        chars.next();
        rest = chars.as_str();
    }
    ""
}

/// `str::trim_start`, but quick for what stands inside of a line: mostly no blank or one.
#[inline]
pub(crate) fn trim_start(text: &str) -> &str {
    match text.as_bytes() {
        [] => text,
        [first, ..] if is_no_white_space(*first) => text,
        [b' ', second, ..] if is_no_white_space(*second) => text.get(1..).unwrap_or(text),
        _ => trim_indent(text),
    }
}

/// `str::trim_start`, but quick for a whole line.
#[inline]
pub(crate) fn trim_indent(line: &str) -> &str {
    let blanks = Eight::at_front(line).map_or(0, Eight::indent);
    let rest = line.get(blanks..).unwrap_or(line);
    if rest.bytes().next().is_none_or(is_no_white_space) { rest } else { rest.trim_start() }
}

/// `str::trim_end`, but quick: most text has no white space at its end.
pub(crate) fn trim_end(text: &str) -> &str {
    if text.bytes().next_back().is_none_or(is_no_white_space) { text } else { text.trim_end() }
}

/// True for the bytes of ASCII that print. Others may belong to white space of Unicode.
const fn is_no_white_space(byte: u8) -> bool {
    byte.is_ascii_graphic()
}
