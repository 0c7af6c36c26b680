//! Numbers in headers: octal digits, or base 256 when the first bit is set.

/// The number in a header's field; empty is zero. `None` when it is none, or too large.
pub(super) fn parse(field: &[u8]) -> Option<i64> {
    match field.split_first() {
        Some((first, _)) if first & 0x80 != 0 => base_256(field),
        _ => octal(field),
    }
}

/// As [`parse`], for what cannot be negative.
pub(super) fn parse_unsigned(field: &[u8]) -> Option<u64> {
    u64::try_from(parse(field)?).ok()
}

fn octal(field: &[u8]) -> Option<i64> {
    let start = field.iter().position(|byte| *byte != b' ').unwrap_or(field.len());
    let field = field.get(start..)?;
    let end = field.iter().position(|byte| matches!(byte, 0 | b' ')).unwrap_or(field.len());
    let (digits, rest) = field.split_at_checked(end)?;
    let padded = rest.iter().all(|byte| matches!(byte, 0 | b' '));
    let value = digits.iter().try_fold(0_i64, |value, digit| match digit {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(i64::from(digit - b'0')),
        _ => None,
    });
    value.filter(|_| padded)
}

/// Two's complement, the highest bit being the mark and the next one the sign.
fn base_256(field: &[u8]) -> Option<i64> {
    let (first, rest) = field.split_first()?;
    let negative = first & 0x40 != 0;
    let start = i64::from(first & 0x3f) - if negative { 0x40 } else { 0 };
    rest.iter().try_fold(start, |value, byte| value.checked_mul(256)?.checked_add(i64::from(*byte)))
}

/// A decimal number of a PAX record: digits only.
pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values: Go's archive/tar TestParseNumeric (strconv_test.go).
    #[test]
    fn as_go_reads_them() {
        for (field, value) in [
            (b"".as_slice(), Some(0)),
            (b"\x80", Some(0)),
            (b"\x80\x00", Some(0)),
            (b"\xbf", Some(0x3f)),
            (b"\xbf\xff", Some((1 << 14) - 1)),
            (b"\xff", Some(-1)),
            (b"\xff\xff", Some(-1)),
            (b"\xc0", Some(-64)),
            (b"\xc0\xff", Some(-(1 << 14) + 0xff)),
            (b"\x87\x76\xa2\x22\xeb\x8a\x72\x61", Some(537_795_476_381_659_745)),
            (b"\x80\x00\x00\x00\x07\x76\xa2\x22\xeb\x8a\x72\x61", Some(537_795_476_381_659_745)),
            (b"\xf7\x76\xa2\x22\xeb\x8a\x72\x61", Some(-615_126_028_225_187_231)),
            (b"\x80\x7f\xff\xff\xff\xff\xff\xff\xff", Some(i64::MAX)),
            (b"\x80\x80\x00\x00\x00\x00\x00\x00\x00", None),
            (b"\xff\x80\x00\x00\x00\x00\x00\x00\x00", Some(i64::MIN)),
            (b"\xff\x7f\xff\xff\xff\xff\xff\xff\xff", None),
            (b"0000000\x00", Some(0)),
            (b" \x0000 ", None),
            (b"123\x00", Some(0o123)),
            (b"  0123\x00", Some(0o123)),
            (b"0000123 \x00", Some(0o123)),
            (b"00x\x00", None),
            (b"-1\x00", None),
        ] {
            assert_eq!(parse(field), value, "{}", field.escape_ascii());
        }
    }
}
