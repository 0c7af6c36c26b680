//! The ways in which programs write a secret.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// What programs that dump bytes write between two of them: od and hexdump spaces, openssl colons.
const BETWEEN: [&[u8]; 3] = [b"", b" ", b":"];

/// A value in hexadecimal and in base64, with the name of the form. Line ends in between mean nothing.
pub(super) fn encoded(value: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut forms = Vec::new();
    for digits in [b"0123456789abcdef", b"0123456789ABCDEF"] {
        let pairs: Vec<[u8; 2]> = value.iter().map(|byte| pair(*byte, digits)).collect();
        forms.extend(BETWEEN.map(|between| ("in hexadecimal", pairs.join(between))));
    }
    for behind in 0..3 {
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            forms.push(("in base64", base64(value, behind, |bytes| engine.encode(bytes))));
        }
    }
    forms.sort_by(|(_, a), (_, b)| a.cmp(b));
    forms.dedup();
    forms
}

/// The digits of a byte.
fn pair(byte: u8, digits: &[u8; 16]) -> [u8; 2] {
    let digit = |at: u8| digits.get(usize::from(at)).copied().unwrap_or_default();
    [digit(byte >> 4), digit(byte & 15)]
}

/// What stands for the value alone when this many bytes, up to a multiple of three, come before it and
/// any behind it: without the characters that they have a part in.
fn base64(value: &[u8], before: usize, encode: impl Fn(&[u8]) -> String) -> Vec<u8> {
    let whole = [&vec![0; before], value].concat();
    let end = whole.len() * 8 / 6;
    let text = encode(&whole).into_bytes();
    text.get((before * 8).div_ceil(6)..end).unwrap_or_default().to_vec()
}

/// The byte that `%` and two hexadecimal digits stand for.
pub(super) fn unescaped(text: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = text else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(*high)? << 4 | digit(*low)?)
}

/// Undoes the encoding for URLs, whichever bytes a program escapes, in a stream that comes in pieces.
///
/// Programs differ in whether a space is `%20` or `+`, and in whether they escape `+`: both become a
/// space.
#[derive(Default)]
pub(super) struct Unescape {
    /// The beginning of what may be an escape.
    held: Vec<u8>,
}

impl Unescape {
    /// Adds what can be read of the stream so far and these further bytes.
    pub(super) fn push(&mut self, bytes: &[u8], to: &mut Vec<u8>) {
        if self.held.is_empty() {
            return self.read(bytes, to);
        }
        let mut joined = std::mem::take(&mut self.held);
        joined.extend_from_slice(bytes);
        self.read(&joined, to);
    }

    fn read(&mut self, bytes: &[u8], to: &mut Vec<u8>) {
        let mut rest = bytes;
        while let Some(at) = memchr::memchr2(b'%', b'+', rest) {
            let (before, from) = rest.split_at(at);
            to.extend_from_slice(before);
            let (byte, length) = match unescaped(from) {
                Some(byte) => (byte, 3),
                None if from.first() == Some(&b'%') && from.len() < 3 => {
                    self.held = from.to_vec();
                    return;
                }
                None => (from.first().copied().unwrap_or_default(), 1),
            };
            to.push(spaced(byte));
            rest = from.get(length..).unwrap_or_default();
        }
        to.extend_from_slice(rest);
    }
}

/// The byte with a space for `+`.
pub(super) fn spaced(byte: u8) -> u8 {
    if byte == b'+' { b' ' } else { byte }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_read_wherever_the_stream_is_cut() {
        let text = b"a%2Fb%2fc+d%20e%2Bf%zz%4%25%";
        for first in 0..text.len() {
            for second in first..text.len() {
                let (mut unescape, mut read) = (Unescape::default(), Vec::new());
                for piece in [&text[..first], &text[first..second], &text[second..]] {
                    unescape.push(piece, &mut read);
                }
                assert_eq!(read, b"a/b/c d e f%zz%4%", "{first} {second}");
            }
        }
    }
}
