//! Durations as Go writes them: `1h30m`, `1.5s`, `100ms`.

use nom::branch::alt;
use nom::bytes::complete::tag;
use nom::character::complete::{char, digit0, digit1, one_of};
use nom::combinator::{all_consuming, opt, recognize, value};
use nom::multi::many1;
use nom::sequence::pair;
use nom::{IResult, Parser};
use std::time::Duration;

/// Reads a duration.
///
/// A negative one is read as an error: no instruction takes one.
///
/// # Errors
/// A message that names the text: it is no duration, it is negative, or too long for 64 bits of
/// nanoseconds.
pub fn parse(text: &str) -> Result<Duration, String> {
    let Ok((_, (sign, parts))) = all_consuming(duration).parse(text) else {
        return Err(format!("`{text}` is not a duration"));
    };
    let total = parts.into_iter().try_fold(0_u64, |total, part| total.checked_add(part?));
    match total.filter(|total| i64::try_from(*total).is_ok()) {
        None => Err(format!("`{text}` is too long a duration")),
        Some(total) if total > 0 && sign == Some('-') => Err(format!("`{text}` is negative")),
        Some(total) => Ok(Duration::from_nanos(total)),
    }
}

type Parts = (Option<char>, Vec<Option<u64>>);

fn duration(text: &str) -> IResult<&str, Parts> {
    let zero = value(vec![Some(0)], all_consuming(char('0')));
    (opt(one_of("+-")), alt((zero, many1(part)))).parse(text)
}

/// A number with a unit, in nanoseconds; nothing if it is too large.
fn part(text: &str) -> IResult<&str, Option<u64>> {
    let fraction = pair(char('.'), digit0);
    let number = alt((recognize(pair(digit1, opt(fraction))), recognize(pair(char('.'), digit1))));
    (number, unit).map(|(number, unit)| nanoseconds(number, unit)).parse(text)
}

fn unit(text: &str) -> IResult<&str, u64> {
    alt((
        value(1, tag("ns")),
        value(1_000, alt((tag("us"), tag("µs"), tag("μs")))),
        value(1_000_000, tag("ms")),
        value(1_000_000_000, tag("s")),
        value(60_000_000_000, tag("m")),
        value(3_600_000_000_000, tag("h")),
    ))
    .parse(text)
}

fn nanoseconds(number: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
    // Digits behind the eighteenth are less than a nanosecond of any unit.
    let fraction = fraction.get(..18).unwrap_or(fraction);
    let scale = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let digits = if fraction.is_empty() { 0 } else { fraction.parse::<u128>().ok()? };
    let part = u64::try_from(digits.checked_mul(u128::from(unit))?.checked_div(scale)?).ok()?;
    whole.checked_mul(unit)?.checked_add(part)
}
