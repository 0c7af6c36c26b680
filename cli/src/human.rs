//! Sizes and ages for people, worded as Docker words them.

use std::time::Duration;

use lapstrake_oci::Digest;

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

/// `3 weeks`, `About an hour`.
fn age(age: Duration) -> String {
    const HOURS_A_DAY: u64 = 24;
    let seconds = age.as_secs();
    let hours = (seconds + 1800) / 3600;
    match (seconds, hours) {
        (0, _) => "Less than a second".into(),
        (1, _) => "1 second".into(),
        (2..60, _) => format!("{seconds} seconds"),
        (60..120, _) => "About a minute".into(),
        (120..3600, _) => format!("{} minutes", seconds / 60),
        (_, 0 | 1) => "About an hour".into(),
        (_, 2..48) => format!("{hours} hours"),
        _ => match hours / HOURS_A_DAY {
            days @ 0..14 => format!("{days} days"),
            days @ 14..60 => format!("{} weeks", days / 7),
            days @ 60..730 => format!("{} months", days / 30),
            days => format!("{} years", days / 365),
        },
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

    /// Left: what go-units' HumanDuration says.
    #[test]
    fn ages_are_worded_as_docker_words_them() {
        for (text, seconds) in [
            ("Less than a second", 0),
            ("1 second", 1),
            ("59 seconds", 59),
            ("About a minute", 60),
            ("2 minutes", 120),
            ("59 minutes", 3599),
            ("About an hour", 3600),
            ("2 hours", 5400),
            ("47 hours", 47 * 3600),
            ("2 days", 48 * 3600),
            ("13 days", 13 * 86400),
            ("2 weeks", 14 * 86400),
            ("8 weeks", 59 * 86400),
            ("2 months", 60 * 86400),
            ("24 months", 729 * 86400),
            ("2 years", 730 * 86400),
        ] {
            assert_eq!(age(Duration::from_secs(seconds)), text);
        }
    }
}
