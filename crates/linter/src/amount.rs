//! Amounts, in words.

use std::time::Duration;

/// Bytes in powers of 1000, with up to three digits.
pub(crate) fn bytes(amount: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    let Some((unit, name)) = units.into_iter().find(|(unit, _)| amount >= *unit) else {
        return format!("{amount} B");
    };
    let (whole, tenth) = (amount / unit, amount % unit * 10 / unit);
    match whole {
        100.. => format!("{whole} {name}"),
        _ => format!("{whole}.{tenth} {name}"),
    }
}

/// Seconds; tenths below ten.
pub(crate) fn seconds(time: Duration) -> String {
    match time.as_secs() {
        0..10 => format!("{}.{} s", time.as_secs(), time.subsec_millis() / 100),
        seconds => format!("{seconds} s"),
    }
}

/// `1 file`, `2 files`.
pub(crate) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_short() {
        let words =
            [0, 999, 1_000, 99_949, 100_000, 1_250_000, 312_000_000, 7_000_000_000].map(bytes);
        assert_eq!(
            words,
            ["0 B", "999 B", "1.0 kB", "99.9 kB", "100 kB", "1.2 MB", "312 MB", "7.0 GB"]
        );
        assert_eq!(
            [90, 9_960, 84_200].map(|ms| seconds(Duration::from_millis(ms))),
            ["0.0 s", "9.9 s", "84 s"]
        );
        assert_eq!([count(1, "file"), count(2, "file")], ["1 file", "2 files"]);
    }
}
