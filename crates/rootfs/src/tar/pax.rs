//! PAX extended headers: records of the form `length key=value\n`.

use super::{PAX_XATTR, number};
use crate::{Timestamp, Xattr};

/// The records of one header, in order. Of several with one key the last one counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Records(Vec<(Vec<u8>, Vec<u8>)>);

impl Records {
    /// Reads all records; `None` when one of them is not well-formed.
    pub(super) fn parse(mut bytes: &[u8]) -> Option<Self> {
        let mut records = Vec::new();
        while !bytes.is_empty() {
            let space = bytes.iter().position(|byte| *byte == b' ')?;
            let length = usize::try_from(number::decimal(bytes.get(..space)?)?).ok()?;
            let record = bytes.get(space + 1..length)?.strip_suffix(b"\n")?;
            let equals = record.iter().position(|byte| *byte == b'=')?;
            let (key, value) = record.split_at_checked(equals)?;
            if key.is_empty() || key.contains(&0) {
                return None;
            }
            records.push((key.to_vec(), value.get(1..)?.to_vec()));
            bytes = bytes.get(length..)?;
        }
        Some(Self(records))
    }

    /// Puts `later` records after these.
    pub(super) fn extend(&mut self, later: Self) {
        self.0.extend(later.0);
    }

    /// Takes over what global records say about members: owner and time, a few bytes in all.
    pub(super) fn set_defaults(&mut self, global: &Self) {
        for default in ["gid", "mtime", "uid"] {
            if let Some((key, value)) =
                global.0.iter().rev().find(|(key, _)| key == default.as_bytes())
            {
                self.0.retain(|(known, _)| known != key);
                self.0.push((key.clone(), value.clone()));
            }
        }
    }

    /// The value of `key`; an empty value takes an earlier one back.
    pub(super) fn value(&self, key: &str) -> Option<&[u8]> {
        let (_, value) = self.0.iter().rev().find(|(known, _)| known == key.as_bytes())?;
        Some(value.as_slice()).filter(|value| !value.is_empty())
    }

    /// Whether any record's key begins with `prefix`.
    pub(super) fn has_prefix(&self, prefix: &str) -> bool {
        self.0.iter().any(|(key, _)| key.starts_with(prefix.as_bytes()))
    }

    /// All records, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().map(|(key, value)| (key.as_slice(), value.as_slice()))
    }

    /// The extended attributes among them.
    pub(super) fn xattrs(&self) -> Vec<Xattr> {
        let attribute = |(key, value): (&[u8], &[u8])| {
            let name = key.strip_prefix(PAX_XATTR)?.to_vec();
            Some(Xattr { name, value: value.to_vec() })
        };
        self.iter().filter_map(attribute).filter(|xattr| !xattr.name.is_empty()).collect()
    }
}

/// A time with a fraction, `-12.5` being half a second before twelve before the epoch.
pub(super) fn time(text: &[u8]) -> Option<Timestamp> {
    let (negative, text) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let point = text.iter().position(|byte| *byte == b'.').unwrap_or(text.len());
    let (whole, fraction) = text.split_at_checked(point)?;
    let fraction = fraction.strip_prefix(b".").unwrap_or_default();
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = fraction.iter().chain(std::iter::repeat(&b'0')).take(9);
    let nanoseconds = digits.fold(0_u32, |value, digit| value * 10 + u32::from(digit - b'0'));
    let seconds = i64::try_from(number::decimal(whole)?).ok()?;
    Some(match (negative, nanoseconds) {
        (false, _) => Timestamp { seconds, nanoseconds },
        (true, 0) => Timestamp { seconds: -seconds, nanoseconds },
        (true, _) => Timestamp { seconds: -seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_formed_records_only() {
        let records = Records::parse(b"10 path=a\n6 k=v\n5 k=\n11 path=bc\n").unwrap();
        assert_eq!(records.value("path"), Some(b"bc".as_slice()));
        assert_eq!(records.value("k"), None);
        let newline = Records::parse(b"12 path=a\nb\n").unwrap();
        assert_eq!(newline.value("path"), Some(b"a\nb".as_slice()));
        for bad in [
            "x",
            "10 path=a",
            "8 path=a\n",
            "11 path=a\n",
            " path=a\n",
            "-1 path=a\n",
            "+10 path=a\n",
            "4 =v\n",
            "7 path\n",
            "0 a=b\n",
            "99999999999999999999 a=b\n",
            "6 k=v\n\n",
        ] {
            assert!(Records::parse(bad.as_bytes()).is_none(), "{bad:?}");
        }
    }

    /// Expected values: Go's archive/tar TestParsePAXTime (strconv_test.go).
    #[test]
    fn times_as_go_reads_them() {
        for (text, time_) in [
            ("1350244992.023960108", Some((1_350_244_992, 23_960_108))),
            ("1350244992.02396010", Some((1_350_244_992, 23_960_100))),
            ("1350244992.0239601089", Some((1_350_244_992, 23_960_108))),
            ("1350244992.3", Some((1_350_244_992, 300_000_000))),
            ("1350244992", Some((1_350_244_992, 0))),
            ("-1.000000001", Some((-2, 999_999_999))),
            ("-1.3", Some((-2, 700_000_000))),
            ("-1", Some((-1, 0))),
            ("0.123", Some((0, 123_000_000))),
            ("-0.5", Some((-1, 500_000_000))),
            ("", None),
            ("0x1", None),
            ("1.2.3", None),
            ("1.-3", None),
        ] {
            let found = time(text.as_bytes()).map(|time| (time.seconds, time.nanoseconds));
            assert_eq!(found, time_, "{text}");
        }
    }
}
