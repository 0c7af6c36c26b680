//! Lines whose first word is no instruction.

use crate::diagnostic::{Diagnostic, Fix};
use crate::fragment::Fragment;
use crate::keyword::Keyword;
use crate::span::Span;

/// The fault of a name that is no instruction (A1.11).
pub(crate) fn unknown(word: Fragment<'_>, escape: char) -> Diagnostic {
    let name = word.as_str();
    if let Some(fault) = disguised(word) {
        return fault;
    }
    let message = format!("there is no instruction `{name}`");
    let fault = Diagnostic::error("unknown-instruction", word.span(), message);
    match Keyword::nearest(name) {
        Some(near) => {
            let is_lower = !name.contains(|c: char| c.is_uppercase());
            let near = if is_lower { near.to_lowercase() } else { near.to_owned() };
            let fix = Fix::guess(word.span(), near.as_str());
            fault.with_suggestion(Some(&near)).with_fix(fix)
        }
        None => fault.with_help(format!(
            "to go on with the instruction above, end its last line with `{escape}`"
        )),
    }
}

/// The fault of a line that is only a continuation mark, with nothing behind it.
pub(crate) fn nothing_continued(start: usize, escape: char) -> Diagnostic {
    let span = Span::new(start, start + escape.len_utf8());
    Diagnostic::error("empty-instruction", span, "nothing is continued here")
        .with_help(format!("take the `{escape}` out"))
        .with_fix(Fix::guess(span, ""))
}

/// A name with a character in or around it that looks like a blank, or like nothing.
fn disguised(word: Fragment<'_>) -> Option<Diagnostic> {
    let text = word.as_str();
    let (at, odd) = text.char_indices().find(|(_, c)| looks_empty(*c))?;
    let (before, behind) = text.split_at_checked(at)?;
    let behind = behind.strip_prefix(odd)?;
    let name = if before.is_empty() { behind.split(looks_empty).next()? } else { before };
    let keyword = Keyword::parse(name)?;
    let span = word.part(at..at + odd.len_utf8()).span();
    let code = format!("U+{:04X}", u32::from(odd));
    let message = format!("there is no instruction that starts like this: {code} is no blank");
    let fault = Diagnostic::error("unknown-instruction", span, message);
    Some(match before.is_empty() || behind.is_empty() {
        true => fault
            .with_help(format!("take the {code} at `{}` out", keyword.name()))
            .with_fix(Fix::guess(span, "")),
        false => fault
            .with_help(format!("write a blank behind `{}`", keyword.name()))
            .with_fix(Fix::guess(span, " ")),
    })
}

fn looks_empty(c: char) -> bool {
    let unseen = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}');
    unseen || (c.is_whitespace() && !c.is_ascii())
}
