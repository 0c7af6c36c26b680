//! Secrets in what a command writes: they are not shown.

use super::encoding::{self, unescaped};
use super::part;

/// What is shown in place of a secret.
const COVER: &[u8] = b"****";

/// Lines of a secret that are shorter are not hidden by themselves: a brace would be everywhere.
const SHORTEST_LINE: usize = 8;

/// Hides secrets in a stream, also where one is cut into several pieces.
///
/// Hidden are whole values without the line ends behind them, and the longer lines of values that
/// have several; and what is looked for in layers ([`part::sought`]), in the same forms unless line
/// ends lie within.
#[derive(Default)]
pub(super) struct Mask {
    /// Longest first.
    needles: Vec<Needle>,
    /// For each byte the needles that may begin with it, in their order.
    starts: Vec<Vec<usize>>,
    /// The end of what was written, if it may be the beginning of a secret.
    held: Vec<u8>,
}

/// What is hidden.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Needle {
    bytes: Vec<u8>,
    /// Whether each byte may be encoded as in URLs.
    may_be_escaped: bool,
}

/// What a stream has at a place.
enum Match {
    /// The needle, in this many bytes.
    Whole(usize),
    /// The needle's beginning, and the stream's end.
    Beginning,
    None,
}

impl Needle {
    fn exact(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), may_be_escaped: false }
    }

    fn may_begin_with(&self, byte: u8) -> bool {
        let first = self.bytes.first();
        first == Some(&byte)
            || self.may_be_escaped && (byte == b'%' || byte == b'+' && first == Some(&b' '))
    }

    fn at(&self, stream: &[u8]) -> Match {
        let mut rest = stream;
        for wanted in &self.bytes {
            let length = match rest.first() {
                None => return Match::Beginning,
                Some(_) if self.may_be_escaped && unescaped(rest) == Some(*wanted) => 3,
                Some(byte) if byte == wanted => 1,
                Some(b'+') if self.may_be_escaped && *wanted == b' ' => 1,
                Some(b'%') if self.may_be_escaped && may_become(rest, *wanted) => {
                    return Match::Beginning;
                }
                Some(_) => return Match::None,
            };
            rest = rest.get(length..).unwrap_or_default();
        }
        Match::Whole(stream.len() - rest.len())
    }
}

/// Whether the end of a stream can go on to an escape of this byte.
fn may_become(end: &[u8], wanted: u8) -> bool {
    match end {
        [b'%'] => true,
        [b'%', high] => {
            unescaped(&[b'%', *high, b'0']).is_some_and(|byte| byte >> 4 == wanted >> 4)
        }
        _ => false,
    }
}

impl Mask {
    pub(super) fn new<'s>(values: impl IntoIterator<Item = &'s [u8]>) -> Self {
        let mut needles: Vec<Needle> = values.into_iter().flat_map(needles_of).collect();
        needles.sort_by(|a, b| b.bytes.len().cmp(&a.bytes.len()).then_with(|| a.cmp(b)));
        needles.dedup();
        let of = |byte: u8| {
            let may_begin = |(_, needle): &(usize, &Needle)| needle.may_begin_with(byte);
            needles.iter().enumerate().filter(may_begin).map(|(at, _)| at).collect()
        };
        let starts = (0..=u8::MAX).map(of).collect();
        Self { needles, starts, held: Vec::new() }
    }

    /// What of the stream so far and these further bytes can be shown.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        if self.needles.is_empty() {
            return bytes.to_vec();
        }
        let mut stream = std::mem::take(&mut self.held);
        stream.extend_from_slice(bytes);
        let (shown, held) = self.cover(&stream, false);
        self.held = held.to_vec();
        shown
    }

    /// What is left to show when the stream has ended.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        let rest = std::mem::take(&mut self.held);
        self.cover(&rest, true).0
    }

    /// The stream with its secrets covered, up to where one may begin that has not ended yet.
    fn cover<'s>(&self, stream: &'s [u8], is_end: bool) -> (Vec<u8>, &'s [u8]) {
        let mut shown = Vec::with_capacity(stream.len());
        let mut rest = stream;
        while let Some((first, behind)) = rest.split_first() {
            let (mut found, mut may_go_on) = (None, false);
            for needle in self.beginning_with(*first) {
                match needle.at(rest) {
                    Match::Whole(length) => found = found.max(Some(length)),
                    Match::Beginning => may_go_on = true,
                    Match::None => {}
                }
            }
            if may_go_on && !is_end {
                break;
            }
            match found.and_then(|length| rest.get(length..)) {
                Some(behind) => {
                    shown.extend_from_slice(COVER);
                    rest = behind;
                }
                None => {
                    shown.push(*first);
                    rest = behind;
                }
            }
        }
        (shown, rest)
    }

    fn beginning_with(&self, first: u8) -> impl Iterator<Item = &Needle> {
        let starts = self.starts.get(usize::from(first)).map(Vec::as_slice).unwrap_or_default();
        starts.iter().filter_map(|at| self.needles.get(*at))
    }
}

fn needles_of(value: &[u8]) -> Vec<Needle> {
    let whole = part::without_line_end(value);
    let lines = whole.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let lines = lines.filter(|line| line.len() >= SHORTEST_LINE);
    let plain = std::iter::once(whole).chain(lines).filter(|part| !part.is_empty());
    let mut needles: Vec<Needle> = plain.map(Needle::exact).collect();
    for part in part::sought(value) {
        if part.all_forms {
            let forms = encoding::encoded(&part.bytes);
            needles.extend(forms.iter().map(|(_, bytes)| Needle::exact(bytes)));
        }
        needles.push(Needle::exact(&part.bytes));
        needles.push(Needle { bytes: part.bytes, may_be_escaped: true });
    }
    needles
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is shown of a stream that comes in these pieces.
    fn shown(secrets: &[&str], pieces: &[&str]) -> String {
        let mut mask = Mask::new(secrets.iter().map(|secret| secret.as_bytes()));
        let mut shown: Vec<u8> =
            pieces.iter().flat_map(|piece| mask.push(piece.as_bytes())).collect();
        shown.extend(mask.finish());
        String::from_utf8(shown).unwrap()
    }

    #[test]
    fn a_value_is_hidden_without_its_line_end() {
        assert_eq!(shown(&["token\n"], &["a token, token\ntoke"]), "a ****, ****\ntoke");
        assert_eq!(shown(&["token\r\n"], &["<token>"]), "<****>");
        assert_eq!(shown(&["", "\n"], &["nothing\n"]), "nothing\n");
        assert_eq!(shown(&[], &["nothing"]), "nothing");
    }

    #[test]
    fn wherever_the_stream_is_cut() {
        let text = "x s3cr3t-s3cr3t-value s3cr3t-s3cr3 s3cr3t-s3cr3t-value";
        let expected = "x **** s3cr3t-s3cr3 ****";
        for first in 0..text.len() {
            for second in first..text.len() {
                let pieces = [&text[..first], &text[first..second], &text[second..]];
                assert_eq!(shown(&["s3cr3t-s3cr3t-value"], &pieces), expected, "{pieces:?}");
            }
        }
        let bytes: Vec<String> = text.chars().map(String::from).collect();
        let bytes: Vec<&str> = bytes.iter().map(String::as_str).collect();
        assert_eq!(shown(&["s3cr3t-s3cr3t-value"], &bytes), expected);
    }

    #[test]
    fn of_several_the_longest_is_hidden() {
        assert_eq!(shown(&["abc", "abcdef"], &["abc", "def abcd", "ex abc"]), "**** ****dex ****");
        assert_eq!(shown(&["aab"], &["aaa", "ab"]), "aa****");
    }

    #[test]
    fn lines_are_hidden_too() {
        let key = "-----BEGIN KEY-----\nAAAABBBBCCCC\n}\n-----END KEY-----\n";
        assert_eq!(shown(&[key], &["AAAABBBBCCCC } BBBB"]), "**** } BBBB");
        assert_eq!(shown(&[key], &["key: ", key]), "key: ****\n");
    }

    /// Made with coreutils' base64 and od, and Python's urllib.parse.
    #[test]
    fn encoded_values_are_hidden_wherever_the_stream_is_cut() {
        let secret = "s3cr3t/value+of a?token";
        for (text, expected) in [
            ("<s3cr3t%2Fvalue%2Bof%20a%3Ftoken>", "<****>"),
            ("<s3cr3t/value%2bof+a%3ftoken>", "<****>"),
            ("<%73%33cr3t/value+of a?toke%6E>", "<****>"),
            ("<s3cr3t%2Fvalue%2Cof>", "<s3cr3t%2Fvalue%2Cof>"),
            ("7333637233742f76616c75652b6f6620613f746f6b656e0a", "****0a"),
            ("7333637233742F76616C75652B6F6620613F746F6B656E", "****"),
            ("czNjcjN0L3ZhbHVlK29mIGE/dG9rZW4=", "****4="),
            ("xzM2NyM3QvdmFsdWUrb2YgYT90b2tlbg==", "x****g=="),
            ("100% s3cr3t czNj 7333", "100% s3cr3t czNj 7333"),
        ] {
            for cut in 0..text.len() {
                let pieces = [&text[..cut], &text[cut..]];
                assert_eq!(shown(&[secret], &pieces), expected, "{pieces:?}");
            }
        }
    }

    #[test]
    fn encoded_short_values_and_what_is_no_secret_are_shown() {
        assert_eq!(shown(&["abc"], &["abc YWJj 616263 %61bc"]), "**** YWJj 616263 %61bc");
        let settings = "HOST=example.com\nTOKEN=q7RkT2xV9mZs4LwB\n";
        assert_eq!(
            shown(&[settings], &["example.com: q7RkT2xV9mZs4LwB cTdSa1QyeFY5bVpzNEx3Qg=="]),
            "example.com: **** ****g=="
        );
    }
}
