//! What a character of a Dockerfile looks like on a terminal.
//!
//! Every terminal has to show it in the columns that it is counted for, or the line under a fault
//! would stand beside it. So tabs become blanks, and what terminals act on, disagree about, or show
//! as nothing is replaced or left out.

use crate::text::width;

/// Columns between two tab stops.
const TAB: usize = 4;

/// What stands for a character: a glyph, so many times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Glyph {
    pub(super) shown: char,
    pub(super) times: usize,
}

impl Glyph {
    /// The glyph of `c`, which starts at the 0-based `column`.
    pub(super) fn of(c: char, column: usize) -> Self {
        let (shown, times) = match c {
            '\t' => (' ', TAB - column % TAB),
            ' '..='~' => (c, 1),
            // Control characters have pictures of their own.
            '\0'..='\u{1f}' => (char::from_u32(0x2400 + u32::from(c)).unwrap_or('?'), 1),
            '\u{7f}' => ('\u{2421}', 1),
            c if joins(c) => (c, 0),
            c if c.is_control() || is_unseen(c) => (char::REPLACEMENT_CHARACTER, 1),
            c => (c, 1),
        };
        Self { shown, times }
    }

    /// How many columns it takes.
    pub(super) fn width(self) -> usize {
        if self.shown.is_ascii() {
            return self.times;
        }
        self.times * width(self.shown.encode_utf8(&mut [0; 4]))
    }
}

/// Characters that make one picture of those around them, or another one: some terminals know how,
/// others show the parts. Without them all show the parts.
fn joins(c: char) -> bool {
    matches!(c, '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0020}'..='\u{e007f}')
}

/// Characters that show as nothing, or turn the direction of others.
fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200c}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let mut column = 0;
        let mut out = String::new();
        for c in text.chars() {
            let glyph = Glyph::of(c, column);
            column += glyph.width();
            out.extend(std::iter::repeat_n(glyph.shown, glyph.times));
        }
        out
    }

    #[test]
    fn characters_are_shown_in_the_columns_that_are_counted() {
        for (text, seen) in [
            ("RUN\tx", "RUN x"),
            ("\t日\tx", "    日  x"),
            ("a\u{0}b\u{1b}[2J\u{7f}\u{9b}", "a␀b␛[2J␡\u{fffd}"),
            ("e\u{301}x", "e\u{301}x"),
            ("👩\u{200d}👧 👍🏽 ❤\u{fe0f}", "👩👧 👍 ❤"),
            ("RUN\u{200b} \u{202e}x", "RUN\u{fffd} \u{fffd}x"),
        ] {
            assert_eq!(shown(text), seen);
        }
        assert_eq!(Glyph::of('日', 0).width(), 2);
        assert_eq!(Glyph::of('\u{301}', 0).width(), 0);
    }
}
