//! One line of comma-separated values: how `--mount` and `--device` are written.

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while};
use nom::character::complete::{char, none_of};
use nom::combinator::{recognize, value};
use nom::multi::{many0_count, separated_list1};
use nom::sequence::delimited;
use nom::{IResult, Parser};
use std::ops::Range;

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// The value without quotes.
    pub(crate) text: String,
    /// Where it stands, quotes included.
    pub(crate) range: Range<usize>,
}

impl Field {
    /// Where what stands before the `=` is; all of it without one, or in quotes.
    pub(crate) fn key_range(&self) -> Range<usize> {
        match self.assignment() {
            Some(at) => self.range.start..self.range.start + at,
            None => self.range.clone(),
        }
    }

    /// Where what stands behind the `=` is; all of it without one, or in quotes.
    pub(crate) fn value_range(&self) -> Range<usize> {
        match self.assignment() {
            Some(at) => self.range.start + at + 1..self.range.end,
            None => self.range.clone(),
        }
    }

    /// Where the `=` is, if each byte of the text stands where it came from.
    fn assignment(&self) -> Option<usize> {
        self.text.find('=').filter(|_| self.range.len() == self.text.len())
    }
}

/// The values of a line, without quotes; `None` when it is no such line.
pub fn values(line: &str) -> Option<Vec<String>> {
    let fields = fields(line).ok()?;
    Some(fields.into_iter().map(|field| field.text).collect())
}

/// Reads the whole line. A value with a comma is in double quotes, where `""` is a quote.
///
/// Fails with the range that is not understood. An empty line has no values and fails too.
pub(crate) fn fields(line: &str) -> Result<Vec<Field>, Range<usize>> {
    if line.is_empty() {
        return Err(0..0);
    }
    let parsed: IResult<&str, Vec<&str>> =
        separated_list1(char(','), alt((quoted, bare))).parse(line);
    match parsed {
        Ok(("", raw)) => Ok(places(&raw)),
        Ok((rest, _)) => Err(line.len() - rest.len()..line.len()),
        Err(_) => Err(0..line.len()),
    }
}

fn bare(text: &str) -> IResult<&str, &str> {
    take_while(|c| c != ',' && c != '"').parse(text)
}

fn quoted(text: &str) -> IResult<&str, &str> {
    let inside = many0_count(alt((value((), tag("\"\"")), value((), none_of("\"")))));
    recognize(delimited(char('"'), inside, char('"'))).parse(text)
}

fn places(raw: &[&str]) -> Vec<Field> {
    let mut at = 0;
    let mut fields = Vec::with_capacity(raw.len());
    for text in raw {
        let range = at..at + text.len();
        at = range.end + 1;
        fields.push(Field { text: unquoted(text), range });
    }
    fields
}

fn unquoted(raw: &str) -> String {
    match raw.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => raw.to_owned(),
    }
}
