//! Times in HTTP header fields.

use jiff::fmt::rfc2822::DateTimeParser;

/// Seconds since 1970 (RFC 9110, 5.6.7); `None` for anything that is no date.
pub(crate) fn parse(field: &str) -> Option<i64> {
    // HTTP dates end in GMT, which RFC 2822 has as an obsolete zone.
    Some(DateTimeParser::new().parse_timestamp(field.trim()).ok()?.as_second())
}
