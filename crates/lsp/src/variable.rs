//! Where a text names variables: `$name` and `${name…}`.
//!
//! What the builder and a shell have in common is enough here: a name counts only if an ARG or ENV declares
//! it. `parser::expand` knows the rest.

use std::ops::Range;

/// How the text is quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quoting {
    /// Single quotes protect, outside of double ones.
    Shell,
    /// Quotes are characters like any other: heredocs, arrays.
    None,
}

/// True for what may be the name of a variable.
pub(crate) fn is_name(text: &str) -> bool {
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    begins && text.chars().all(is_part)
}

pub(crate) const fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The places of the names, without `$` and braces. Lines that are comments name none.
pub(crate) fn names(text: &str, escape: char, quoting: Quoting) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let (mut is_single, mut is_double, mut is_line_start) = (false, false, true);
    let mut at = 0;
    while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let behind = at + c.len_utf8();
        let rest = text.get(behind..).unwrap_or_default();
        let was_line_start = is_line_start;
        is_line_start = c == '\n' || is_line_start && c.is_whitespace();
        at = behind;
        match c {
            '#' if was_line_start && quoting == Quoting::Shell => {
                at += rest.find('\n').unwrap_or(rest.len());
            }
            _ if c == escape && !is_single => {
                is_line_start = rest.starts_with('\n');
                at += rest.chars().next().map_or(0, char::len_utf8);
            }
            '\'' if quoting == Quoting::Shell && !is_double => is_single = !is_single,
            '"' if quoting == Quoting::Shell && !is_single => is_double = !is_double,
            '$' if !is_single => {
                let start = behind + usize::from(rest.starts_with('{'));
                let name = text.get(start..).unwrap_or_default();
                let length = name.find(|c| !is_part(c)).unwrap_or(name.len());
                if name.get(..length).is_some_and(is_name) {
                    found.push(start..start + length);
                }
                at = start + length;
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_where_something_is_put_in() {
        for (text, expected) in [
            ("$a ${b} ${c:-$d} x$e-f", &["a", "b", "c", "d", "e"][..]),
            ("'$a' \"$b '$c'\" \\$d $$ $1 ${", &["b", "c"]),
            ("a \\\n  # $b\n  $c", &["c"]),
            ("é$é$a", &["a"]),
        ] {
            let found = names(text, '\\', Quoting::Shell);
            let found: Vec<&str> = found.into_iter().map(|range| &text[range]).collect();
            assert_eq!(found, expected, "{text}");
        }
        assert_eq!(names("'$a' \\$b", '\\', Quoting::None).first(), Some(&(2..3)));
    }
}
