//! Several fixes at once.

use lapstrake_parser::{Edit, Fix, Safety, Span};

/// A text with fixes made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mended {
    /// The text.
    pub text: String,
    /// How many fixes were made.
    pub made: usize,
}

/// Makes as many of the fixes as do not touch each other, those that stand first before others; nothing if
/// that is none. What is left can be looked for in the new text: places are others there.
pub fn mend<'f>(source: &str, fixes: impl IntoIterator<Item = &'f Fix>) -> Option<Mended> {
    let mut fixes: Vec<&Fix> = fixes.into_iter().filter(|fix| !fix.edits.is_empty()).collect();
    fixes.sort_by_key(|fix| fix.edits.first().map(|edit| edit.span));
    let mut edits: Vec<Edit> = Vec::new();
    let mut made = 0;
    for fix in fixes {
        let is_free = |edit: &Edit| edits.iter().all(|taken| !touch(taken.span, edit.span));
        if fix.edits.iter().all(is_free) {
            edits.extend(fix.edits.iter().cloned());
            made += 1;
        }
    }
    edits.sort_by_key(|edit| edit.span);
    let text = Fix { edits, safety: Safety::Unsafe }.apply(source)?;
    (text != source).then_some(Mended { text, made })
}

const fn touch(one: Span, other: Span) -> bool {
    one.start <= other.end && other.start <= one.end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fix(edits: &[(usize, usize, &str)]) -> Fix {
        let edit = |&(start, end, text): &(usize, usize, &str)| Edit {
            span: Span::new(start, end),
            text: text.to_owned(),
        };
        Fix { edits: edits.iter().map(edit).collect(), safety: Safety::Safe }
    }

    #[test]
    fn fixes_that_touch_wait() {
        let mended = |fixes: &[Fix]| mend("abcdef", fixes).map(|one| (one.text, one.made));
        let far = [fix(&[(4, 5, "E")]), fix(&[(0, 1, "A"), (2, 3, "")])];
        assert_eq!(mended(&far), Some(("AbdEf".to_owned(), 2)));
        // Of a fix either all is made or nothing.
        let near = [fix(&[(0, 1, "A"), (4, 5, "E")]), fix(&[(1, 2, "B"), (5, 6, "F")])];
        assert_eq!(mended(&near), Some(("AbcdEf".to_owned(), 1)));
        let same = [fix(&[(3, 3, "x")]), fix(&[(3, 3, "x")])];
        assert_eq!(mended(&same), Some(("abcxdef".to_owned(), 1)));
        assert_eq!(mended(&[]), None);
        assert_eq!(mended(&[fix(&[(0, 1, "a")])]), None);
        assert_eq!(mended(&[fix(&[(5, 9, "")])]), None);
    }
}
