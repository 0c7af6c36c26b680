//! Breaking of messages into lines.

use crate::text::{harmless, width};

/// Longest run without a blank that is shown whole.
const LONGEST_WORD: usize = 100;
/// How much of a longer one is shown.
const SHOWN: usize = 60;
/// Longest message that is shown whole, in characters.
const LONGEST: usize = 2_000;

/// A message as it may be shown: no control characters, nothing endless.
pub(super) fn message(text: &str) -> String {
    let clean = harmless(text);
    let mut out = String::with_capacity(clean.len());
    for piece in clean.split_inclusive([' ', '\n']) {
        if is_longer(&out, LONGEST) {
            out.push('…');
            break;
        }
        if is_longer(piece, LONGEST_WORD) {
            out.extend(piece.chars().take(SHOWN));
            out.push('…');
            // What ends a quoted word, and the blank behind it.
            let tail: Vec<char> = piece.chars().rev().take(8).collect();
            out.extend(tail.into_iter().rev());
        } else {
            out.push_str(piece);
        }
    }
    out
}

/// True if the text has more characters: at most as many as it has bytes.
fn is_longer(text: &str, characters: usize) -> bool {
    text.len() > characters && text.chars().count() > characters
}

/// Breaks a text at blanks so that no line is wider than `columns`, if that can be. Text in
/// backquotes is kept on one line where it fits on one.
pub(super) fn wrap(text: &str, columns: usize) -> String {
    let lines = text.split('\n').map(|line| wrap_line(line, columns.max(1)));
    lines.collect::<Vec<_>>().join("\n")
}

fn wrap_line(line: &str, columns: usize) -> String {
    let mut out = String::with_capacity(line.len());
    let mut used = 0;
    for word in words(line, columns) {
        let wide = width(word);
        if used > 0 && used + 1 + wide > columns {
            out.push('\n');
            used = 0;
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += wide;
    }
    out
}

/// The words of a line; what is in backquotes is one word unless it is wider than `columns`.
fn words(line: &str, columns: usize) -> Vec<&str> {
    let mut words = Vec::new();
    let mut quoted = false;
    let mut start = 0;
    for (at, c) in line.char_indices() {
        quoted ^= c == '`';
        if c == ' ' && !quoted {
            words.push(&line[start..at]);
            start = at + 1;
        }
    }
    words.push(&line[start..]);
    let split = words.into_iter().flat_map(|word| {
        let whole = width(word) <= columns;
        let parts = if whole { vec![word] } else { word.split(' ').collect() };
        parts.into_iter()
    });
    split.filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_blanks_but_not_in_quotes() {
        for (text, columns, wrapped) in [
            ("one two three", 7, "one two\nthree"),
            ("write `a b c` here", 10, "write\n`a b c`\nhere"),
            ("write `a b c d e f` here", 8, "write `a\nb c d e\nf` here"),
            ("--no-cache is a flag", 12, "--no-cache\nis a flag"),
            ("日本語 日本語", 7, "日本語\n日本語"),
            ("unbreakable", 4, "unbreakable"),
            ("a\nb", 10, "a\nb"),
            ("", 10, ""),
        ] {
            assert_eq!(wrap(text, columns), wrapped, "{text}");
        }
    }

    #[test]
    fn nothing_endless_is_shown() {
        let long = format!("there is no instruction `{}`", "A".repeat(60_000));
        let shown = message(&long);
        assert!(shown.len() < 200 && shown.ends_with("AAAAAAA`"), "{shown}");
        let many = message(&"word ".repeat(60_000));
        assert!(many.chars().count() < LONGEST + 100 && many.ends_with('…'), "{}", many.len());
    }
}
