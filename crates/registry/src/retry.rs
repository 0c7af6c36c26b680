//! When to try again.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use crate::config::RetryPolicy;
use crate::error::Error;

/// How long to wait before the try after number `attempt` (the first is 1), which failed with
/// `error`; `None` to give up.
pub(crate) fn delay(
    policy: &RetryPolicy,
    attempts: u32,
    attempt: u32,
    error: &Error,
) -> Option<Duration> {
    let is_unwanted = error.is_silence() && !policy.after_silence;
    if attempt >= attempts || !error.is_transient() || is_unwanted {
        return None;
    }
    let asked = match error {
        Error::Status { retry_after, .. } => retry_after.unwrap_or_default(),
        _ => Duration::ZERO,
    };
    if asked > policy.longest_delay {
        return None;
    }
    Some(asked.max(backoff(policy, attempt)))
}

/// Doubles from try to try.
pub(crate) fn backoff(policy: &RetryPolicy, attempt: u32) -> Duration {
    let factor = 2_u32.saturating_pow(attempt.saturating_sub(1));
    policy.first_delay.saturating_mul(factor).min(policy.longest_delay)
}

/// `Retry-After`: seconds or a date (RFC 9110, 10.2.3). A date in the past is zero.
pub(crate) fn parse_retry_after(field: &str, now: Timestamp) -> Option<Duration> {
    let field = field.trim();
    if let Ok(seconds) = field.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    // HTTP dates end in GMT, which RFC 2822 has as an obsolete zone.
    let date = DateTimeParser::new().parse_timestamp(field).ok()?;
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16, seconds: Option<u64>) -> Error {
        let retry_after = seconds.map(Duration::from_secs);
        Error::Status { url: String::new(), status, message: String::new(), retry_after }
    }

    #[test]
    fn doubles_up_to_the_longest() {
        let policy = RetryPolicy {
            attempts: 9,
            first_delay: Duration::from_secs(1),
            longest_delay: Duration::from_secs(5),
            after_silence: true,
        };
        let seconds =
            |attempt| delay(&policy, 9, attempt, &status(503, None)).map(|delay| delay.as_secs());
        assert_eq!(
            [1, 2, 3, 4, 8, 9].map(seconds),
            [Some(1), Some(2), Some(4), Some(5), Some(5), None]
        );
        assert_eq!(delay(&policy, 9, u32::MAX, &status(503, None)), None);
    }

    #[test]
    fn waits_as_long_as_it_is_asked_to() {
        let policy = RetryPolicy::default();
        assert_eq!(delay(&policy, 5, 1, &status(429, Some(7))), Some(Duration::from_secs(7)));
        assert_eq!(delay(&policy, 5, 1, &status(429, Some(0))), Some(policy.first_delay));
        assert_eq!(delay(&policy, 5, 1, &status(429, Some(61))), None);
        assert_eq!(delay(&policy, 5, 1, &status(404, Some(1))), None);
    }

    #[test]
    fn reads_seconds_and_dates() {
        let now = "2015-10-21T07:27:00Z".parse().unwrap();
        let read = |field| parse_retry_after(field, now);
        assert_eq!(read(" 120 "), Some(Duration::from_secs(120)));
        assert_eq!(read("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::from_secs(60)));
        assert_eq!(read("Wed, 21 Oct 2015 07:20:00 GMT"), Some(Duration::ZERO));
        assert_eq!([read("soon"), read("-1"), read("")], [None, None, None]);
    }
}
