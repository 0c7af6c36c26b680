//! Secrets in what a command writes: they are not shown.

use std::collections::BTreeSet;

/// What is shown in place of a secret.
const COVER: &[u8] = b"****";

/// Lines of a secret that are shorter are not hidden by themselves: a brace would be everywhere.
const SHORTEST_LINE: usize = 8;

/// Hides secrets in a stream, also where one is cut into several pieces.
///
/// Hidden are whole values without the line ends behind them, and the longer lines of values that
/// have several.
#[derive(Default)]
pub(super) struct Mask {
    /// Longest first.
    needles: Vec<Vec<u8>>,
    /// Which bytes a needle begins with.
    starts: BTreeSet<u8>,
    /// The end of what was written, if it may be the beginning of a secret.
    held: Vec<u8>,
}

impl Mask {
    pub(super) fn new<'s>(values: impl IntoIterator<Item = &'s [u8]>) -> Self {
        let mut needles: Vec<Vec<u8>> = values.into_iter().flat_map(needles_of).collect();
        needles.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        needles.dedup();
        let starts = needles.iter().filter_map(|needle| needle.first().copied()).collect();
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
            if !self.starts.contains(first) {
                shown.push(*first);
                rest = behind;
                continue;
            }
            let may_go_on =
                |needle: &Vec<u8>| needle.len() > rest.len() && needle.starts_with(rest);
            if !is_end && self.needles.iter().any(may_go_on) {
                break;
            }
            match self.needles.iter().find_map(|needle| rest.strip_prefix(needle.as_slice())) {
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
}

fn needles_of(value: &[u8]) -> Vec<Vec<u8>> {
    let end = value.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r'));
    let whole = end.and_then(|end| value.get(..=end)).unwrap_or_default();
    let lines = whole.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let lines = lines.filter(|line| line.len() >= SHORTEST_LINE);
    std::iter::once(whole)
        .chain(lines)
        .filter(|part| !part.is_empty())
        .map(<[u8]>::to_vec)
        .collect()
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
}
