//! History texts as Docker and BuildKit write them: values printed by Go's `%q`, `%v` and
//! `time.Duration`.

use std::fmt::Write as _;

/// `["a" "b"]`: Go's `%q` of a list of strings.
pub(super) fn quoted_list(items: &[String]) -> String {
    let quoted: Vec<String> = items.iter().map(|item| quoted(item)).collect();
    format!("[{}]", quoted.join(" "))
}

/// `[a b]`: Go's `%v` of a list of strings.
pub(super) fn plain_list(items: &[String]) -> String {
    format!("[{}]", items.join(" "))
}

/// Go's `%q` of a string.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            c if c.is_ascii_control() => escape(&mut out, format_args!("\\x{:02x}", u32::from(c))),
            c if c.is_control() => escape(&mut out, format_args!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn escape(out: &mut String, escaped: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = out.write_fmt(escaped);
}

/// Go's text of a duration: `0s`, `1.5ms`, `1h0m30s`.
pub(super) fn duration(nanoseconds: i64) -> String {
    let total = nanoseconds.unsigned_abs();
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let text = match total {
        0 => "0s".to_owned(),
        1..1_000 => format!("{total}ns"),
        1_000..1_000_000 => decimal(total, 1_000, "µs"),
        1_000_000..1_000_000_000 => decimal(total, 1_000_000, "ms"),
        _ => clock(total),
    };
    format!("{sign}{text}")
}

fn clock(total: u64) -> String {
    const SECOND: u64 = 1_000_000_000;
    let (hours, minutes) = (total / (3600 * SECOND), total / (60 * SECOND) % 60);
    let seconds = decimal(total % (60 * SECOND), SECOND, "s");
    match (hours, minutes) {
        (0, 0) => seconds,
        (0, _) => format!("{minutes}m{seconds}"),
        _ => format!("{hours}h{minutes}m{seconds}"),
    }
}

/// `value / unit` without trailing zeros.
fn decimal(value: u64, unit: u64, suffix: &str) -> String {
    let digits = unit.ilog10() as usize;
    let fraction = format!("{:0digits$}", value % unit);
    match fraction.trim_end_matches('0') {
        "" => format!("{}{suffix}", value / unit),
        fraction => format!("{}.{fraction}{suffix}", value / unit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Left: what Go 1.22 prints for `time.Duration(n)`.
    #[test]
    fn durations_read_as_in_go() {
        for (text, nanoseconds) in [
            ("0s", 0),
            ("1ns", 1),
            ("1.1µs", 1_100),
            ("2.2ms", 2_200_000),
            ("3.3s", 3_300_000_000),
            ("4m5s", 245_000_000_000),
            ("4m5.001s", 245_001_000_000),
            ("5h6m7.001s", 18_367_001_000_000),
            ("8m0.000000001s", 480_000_000_001),
            ("1h0m0s", 3_600_000_000_000),
        ] {
            assert_eq!(duration(nanoseconds), text);
        }
    }

    #[test]
    fn strings_are_quoted_as_in_go() {
        let items = ["a b", "q\"\\", "t\tn\n", "\u{1}ä\u{85}"].map(String::from);
        assert_eq!(quoted_list(&items), r#"["a b" "q\"\\" "t\tn\n" "\x01ä\u0085"]"#);
    }
}
