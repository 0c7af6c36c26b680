//! Text from elsewhere (output of steps, labels, messages of registries) that is to be shown: it
//! must not be able to move the cursor, set the title or write to the clipboard.

/// The text without escape sequences and control characters; tabs become spaces, lines stay.
pub(crate) fn harmless(text: &str) -> String {
    if text.bytes().all(|byte| matches!(byte, b'\n' | b' '..=b'~')) {
        return text.to_owned();
    }
    let mut clean = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\n' => clean.push('\n'),
            '\t' => clean.push_str("    "),
            '\u{1b}' => skip_sequence(&mut chars),
            '\u{9b}' => skip_control_sequence(&mut chars),
            c if is_harmful(c) => {}
            c => clean.push(c),
        }
    }
    clean
}

/// The text on one line: a name with line feeds must not look like one more entry of a list.
pub(crate) fn list_entry(text: &str) -> String {
    harmless(&text.replace('\n', "\\n"))
}

/// Control characters, and those that change the direction in which text is read.
pub(crate) fn is_harmful(c: char) -> bool {
    let direction = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || direction
}

/// What follows an ESC (ECMA-48).
fn skip_sequence(chars: &mut std::str::Chars<'_>) {
    match chars.clone().next() {
        Some('[') => {
            chars.next();
            skip_control_sequence(chars);
        }
        // Strings for the terminal: they end with BEL, ST, or at the latest with the line.
        Some(']' | 'P' | '^' | '_' | 'X') => skip_string(chars),
        Some(' '..='/') => while matches!(chars.next(), Some(' '..='/')) {},
        Some('0'..='~') => {
            chars.next();
        }
        Some(_) | None => {}
    }
}

/// Parameters and the final byte of a CSI sequence.
fn skip_control_sequence(chars: &mut std::str::Chars<'_>) {
    loop {
        match chars.clone().next() {
            Some(' '..='?') => {
                chars.next();
            }
            Some('@'..='~') => {
                chars.next();
                return;
            }
            Some(_) | None => return,
        }
    }
}

fn skip_string(chars: &mut std::str::Chars<'_>) {
    loop {
        match chars.clone().next() {
            Some('\n') | None => return,
            Some('\u{7}' | '\u{9c}') => {
                chars.next();
                return;
            }
            Some('\u{1b}') => {
                chars.next();
                if chars.as_str().starts_with('\\') {
                    chars.next();
                }
                return;
            }
            Some(_) => {
                chars.next();
            }
        }
    }
}

/// The first line, and `…` when there are more: for names that stand in a single line.
pub(crate) fn one_line(text: &str) -> String {
    let mut lines = text.lines().map(str::trim_end);
    let first = lines.next().unwrap_or_default();
    match lines.next() {
        Some(_) => format!("{first} …"),
        None => first.to_owned(),
    }
}

/// The text cut to a width in columns, with `…` where something is missing.
pub(crate) fn clip(text: &str, width: usize) -> String {
    match width {
        0 => String::new(),
        width => console::truncate_str(text, width, "…").into_owned(),
    }
}

/// How many columns the text takes.
pub(crate) fn width(text: &str) -> usize {
    console::measure_text_width(text)
}

/// As much of a long hexadecimal id as people read.
pub(crate) fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_for_the_terminal_are_taken_out() {
        for (given, shown) in [
            ("plain", "plain"),
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}]0;title\u{7}after", "after"),
            ("\u{1b}]52;c;ZXZpbA==\u{1b}\\after", "after"),
            ("\u{1b}]0;never ends\nnext line", "\nnext line"),
            ("\u{1b}Pq#0\u{1b}\\x", "x"),
            ("\u{1b}(Bx", "x"),
            ("\u{1b}7x\u{1b}8", "x"),
            ("\u{9b}2Jx", "x"),
            ("a\u{8}b\u{0}c\u{7f}", "abc"),
            ("a\tb", "a    b"),
            ("\u{1b}", ""),
            ("\u{1b}[12;", ""),
            ("a\u{202e}b", "ab"),
            ("日本", "日本"),
        ] {
            assert_eq!(harmless(given), shown, "{given:?}");
        }
    }

    #[test]
    fn clipping_counts_columns() {
        assert_eq!(clip("日本語", 5), "日本…");
        assert_eq!(clip("abc", 3), "abc");
        assert_eq!(one_line("RUN a\n  b"), "RUN a …");
    }
}
