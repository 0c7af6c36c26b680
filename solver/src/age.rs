//! Ages for people, worded as Docker words them.

use std::time::Duration;

/// `3 weeks`, `About an hour`.
pub fn age(age: Duration) -> String {
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

/// The same in the middle of a sentence: `about an hour`.
pub fn age_within(duration: Duration) -> String {
    age(duration).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(age_within(Duration::from_secs(seconds)), text.to_lowercase());
        }
    }
}
