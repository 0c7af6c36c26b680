//! Eight bytes looked at as one number, the first in its lowest byte.
//!
//! What stands in the next line cannot be foreseen, so that a loop over its first bytes mostly guesses
//! wrong where it ends. These have no branch.

/// The first eight bytes of a text, if it has so many.
#[derive(Clone, Copy)]
pub(crate) struct Eight(u64);

const ONES: u64 = u64::from_le_bytes([1; 8]);
const TOPS: u64 = ONES << 7;

impl Eight {
    pub(crate) fn at_front(text: &str) -> Option<Self> {
        text.as_bytes().first_chunk().map(|bytes| Self(u64::from_le_bytes(*bytes)))
    }

    /// How many of the bytes are spaces or tabs before another one comes.
    #[inline]
    pub(crate) const fn indent(self) -> usize {
        let others = self.others(b' ') & self.others(b'\t');
        (others.trailing_zeros() / u8::BITS) as usize
    }

    /// How many bytes there are before one that is a control character or a space.
    #[inline]
    pub(crate) const fn word(self) -> usize {
        // Of the lowest byte that is small the top bit is set; only above it a bit may be wrong.
        let small = self.0.wrapping_sub(ONES * (b' ' as u64 + 1)) & !self.0 & TOPS;
        (small.trailing_zeros() / u8::BITS) as usize
    }

    /// The first `length` bytes, which are fewer than eight, as capitals if they are letters.
    #[inline]
    pub(crate) const fn capitals(self, length: usize) -> u64 {
        self.0 & !(ONES << 5) & !(u64::MAX << (length * 8))
    }

    /// The top bit of each byte that is another one than `byte`, which must be ASCII.
    #[inline]
    const fn others(self, byte: u8) -> u64 {
        let different = self.0 ^ (ONES * byte as u64);
        ((different & !TOPS).wrapping_add(!TOPS) | different) & TOPS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn short_texts_have_none() {
        assert!(Eight::at_front("seven c").is_none());
    }

    #[test]
    fn letters_become_capitals() {
        let front = Eight::at_front("Env a=b ").map(|front| front.capitals(3));
        assert_eq!(front, Some(u64::from_le_bytes(*b"ENV\0\0\0\0\0")));
    }

    proptest! {
        #[test]
        fn blanks_and_words_are_counted_as_byte_by_byte(text in "[ \t\n\r\u{b}aZ!é日\u{80}]{8,12}") {
            let bytes = &text.as_bytes()[..8];
            let front = Eight::at_front(&text).map(|front| (front.indent(), front.word()));
            let indent = bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            let word = bytes.iter().take_while(|byte| **byte > b' ').count();
            prop_assert_eq!(front, Some((indent, word)));
        }
    }
}
