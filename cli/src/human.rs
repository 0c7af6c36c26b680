//! Sizes and ages for people, worded as Docker words them.

use std::time::{Duration, SystemTime};

use lapstrake_cache::nanoseconds;
use lapstrake_oci::Digest;
use lapstrake_solver::{age, age_within};

/// Powers of 1000, at most three digits.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut value = bytes as f64;
    let mut units = UNITS.iter();
    let mut unit = units.next().copied().unwrap_or_default();
    while value >= 999.5 {
        let Some(next) = units.next() else { break };
        value /= 1000.0;
        unit = next;
    }
    let decimals = match value {
        value if value < 9.995 => 2,
        value if value < 99.95 => 1,
        _ => 0,
    };
    let number = format!("{value:.decimals$}");
    let number = match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => &number,
    };
    format!("{number}{unit}")
}

/// `1 file`, `2 files`.
pub(crate) fn count(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// How long ago a time of the store, in nanoseconds since 1970, was: `About an hour ago`.
pub(crate) fn since(time: i64) -> String {
    format!("{} ago", age(elapsed(time)))
}

/// The same in the middle of a sentence: `about an hour ago`.
pub(crate) fn since_within(time: i64) -> String {
    format!("{} ago", age_within(elapsed(time)))
}

fn elapsed(time: i64) -> Duration {
    let since = nanoseconds(SystemTime::now()).saturating_sub(time).max(0);
    Duration::from_nanos(since.unsigned_abs())
}

/// A time of the store, in nanoseconds since 1970, as RFC 3339 has it.
pub(crate) fn timestamp(time: i64) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(time)).unwrap_or_default().to_string()
}

/// The first 12 digits of an id.
pub(crate) fn short_id(id: &Digest) -> String {
    id.hex().chars().take(12).collect()
}

/// How long ago an RFC 3339 time was: `3 weeks ago`. `N/A` for none, and for 1970, which stands
/// for none in images that are to be reproducible.
pub(crate) fn ago(time: Option<&str>) -> String {
    let time = time.and_then(|text| text.parse::<jiff::Timestamp>().ok());
    match time.map(jiff::Timestamp::as_second) {
        Some(second) if second > 0 => {
            let now = jiff::Timestamp::now().as_second();
            let since = Duration::from_secs(now.saturating_sub(second).max(0).unsigned_abs());
            format!("{} ago", age(since))
        }
        _ => "N/A".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_three_digits() {
        for (bytes, text) in [
            (0, "0B"),
            (999, "999B"),
            (1_000, "1kB"),
            (12_345, "12.3kB"),
            (123_456, "123kB"),
            (999_600, "1MB"),
            (4_270_000, "4.27MB"),
            (2_000_000_000, "2GB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
