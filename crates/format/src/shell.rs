//! Where in a shell command blanks part words and do nothing else.
//!
//! Quotes, substitutions and escapes are followed as POSIX has them (Shell Command Language, 2.2, 2.3 and
//! 2.6). What is between quotes or in `${…}` is left alone, and all of a command that is not understood.

use lapstrake_parser::{CommandForm, Dockerfile, InstructionKind, Word};

use crate::line::BLANKS;

/// Programs that read a command as a POSIX shell does, as far as blanks go.
const SHELLS: [&str; 7] = ["sh", "bash", "ash", "dash", "ksh", "mksh", "zsh"];

/// Parts of names of images that have another shell.
const OTHER_SYSTEMS: [&str; 3] = ["windows", "nanoserver", "servercore"];

/// True if every command of the file is for such a shell, as far as the file tells.
pub(crate) fn is_posix(dockerfile: &Dockerfile) -> bool {
    let is_other = |word: &Word| {
        let word = word.as_str().to_ascii_lowercase();
        OTHER_SYSTEMS.iter().any(|part| word.contains(part))
    };
    dockerfile.escape == '\\'
        && dockerfile.instructions.iter().all(|one| match &one.kind {
            InstructionKind::From(from) => {
                !is_other(&from.image) && !from.platform.as_ref().is_some_and(is_other)
            }
            kind => is_posix_shell(kind),
        })
}

fn is_posix_shell(kind: &InstructionKind) -> bool {
    match kind {
        InstructionKind::Shell(words) => words.first().is_some_and(|program| {
            let name = program.as_str().rsplit('/').next().unwrap_or_default();
            SHELLS.contains(&name)
        }),
        InstructionKind::Onbuild(onbuild) => {
            onbuild.instruction.as_ref().is_none_or(|one| is_posix_shell(&one.kind))
        }
        _ => true,
    }
}

/// The text for the shell, if that is what the instruction has.
pub(crate) fn command(kind: &InstructionKind) -> Option<&Word> {
    let form = match kind {
        InstructionKind::Run(form)
        | InstructionKind::Cmd(form)
        | InstructionKind::Entrypoint(form) => form,
        InstructionKind::Healthcheck(check) => check.command.as_ref()?,
        InstructionKind::Onbuild(onbuild) => {
            return command(&onbuild.instruction.as_deref()?.kind);
        }
        _ => return None,
    };
    match form {
        CommandForm::Shell(word) => Some(word),
        CommandForm::Exec(_) => None,
    }
}

/// What the scanner is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inside {
    /// `(…)` or `$(…)`: commands again.
    Parentheses,
    /// `"…"`.
    Double,
    /// `${…}`.
    Braces,
    /// `` `…` ``.
    Backticks,
}

/// For each byte, whether it is a blank that parts words and does nothing else. Nothing if the command is
/// not understood.
pub(crate) fn free_blanks(text: &str) -> Option<Vec<bool>> {
    let mut free = vec![false; text.len()];
    let mut inside = Vec::new();
    let mut chars = text.char_indices();
    let mut before = ' ';
    while let Some((at, c)) = chars.next() {
        let is_double = inside.contains(&Inside::Double);
        let rest = text.get(at..)?;
        match (inside.last(), c) {
            (_, '\\') => drop(chars.next()?),
            (Some(Inside::Double), '"')
            | (Some(Inside::Braces), '}')
            | (Some(Inside::Backticks), '`') => {
                inside.pop();
            }
            (_, '$') if rest.starts_with("${") => open(Inside::Braces, &mut inside, &mut chars),
            (_, '$') if rest.starts_with("$(") => {
                open(Inside::Parentheses, &mut inside, &mut chars)
            }
            (_, '`') => inside.push(Inside::Backticks),
            (Some(Inside::Double), _) => {}
            (_, '"') => inside.push(Inside::Double),
            // What it means there depends on the expansion.
            (Some(Inside::Braces), '\'') if is_double => return None,
            (_, '\'') => drop(chars.find(|(_, c)| *c == '\'')?),
            (Some(Inside::Braces), _) => {}
            // There a quote may stand between quotes.
            (_, '$') if rest.starts_with("$'") => return None,
            // A pattern of `case` has a parenthesis that closes nothing.
            (Some(_), 'c') if is_double && is_word(rest, "case", before) => return None,
            (_, '#') if BLANKS.contains(&before) || ";&|(".contains(before) => return None,
            (None | Some(Inside::Parentheses), '(') => inside.push(Inside::Parentheses),
            (Some(Inside::Parentheses), ')') => drop(inside.pop()),
            (None | Some(Inside::Parentheses), ' ' | '\t') if !is_double => {
                *free.get_mut(at)? = true;
            }
            _ => {}
        }
        before = c;
    }
    let is_closed = inside.iter().all(|inside| *inside == Inside::Parentheses);
    is_closed.then_some(free)
}

/// Goes into something that two characters open.
fn open(what: Inside, inside: &mut Vec<Inside>, chars: &mut std::str::CharIndices<'_>) {
    chars.next();
    inside.push(what);
}

/// True if `rest` starts with that word, given what is in front.
fn is_word(rest: &str, word: &str, before: char) -> bool {
    let ends = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    ends(before) && rest.strip_prefix(word).is_some_and(|rest| rest.starts_with(ends))
}

/// The command with single blanks where a run of them only parts words.
pub(crate) fn normal(text: &str) -> String {
    let Some(free) = free_blanks(text) else { return text.to_owned() };
    let mut normal = String::with_capacity(text.len());
    let mut was_free = false;
    for (c, is_free) in text.char_indices().map(|(at, c)| (c, free.get(at) == Some(&true))) {
        match (is_free, was_free) {
            (true, true) => {}
            (true, false) => normal.push(' '),
            (false, _) => normal.push(c),
        }
        was_free = is_free;
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_that_part_words_are_found() {
        for (text, expected) in [
            ("a  b", "a b"),
            ("a \t b  'c  d'  \"e  f\"  g", "a b 'c  d' \"e  f\" g"),
            ("a\\  b", "a\\  b"),
            ("x=$(a  b)  c", "x=$(a b) c"),
            ("x=\"$(a  \"b  c\")  d\"  e", "x=\"$(a  \"b  c\")  d\" e"),
            ("x=${y:-a  b}  c", "x=${y:-a  b} c"),
            ("x=`a  b`  c", "x=`a  b` c"),
            ("case $x in a)  b;;  esac", "case $x in a) b;; esac"),
            ("x=$(case  y in a)  b;;  esac)  c", "x=$(case y in a) b;; esac) c"),
            ("echo $#  ${#a}  a#b", "echo $# ${#a} a#b"),
            ("( a;  (b  c) )  d", "( a; (b c) ) d"),
        ] {
            assert_eq!(normal(text), expected);
        }
    }

    #[test]
    fn what_is_not_understood_stays() {
        for text in [
            "echo  it's",
            "echo  \"a",
            "a  # b  c",
            "x=\"$(case  y in a) echo \"b  c\";; esac)\"",
            "x=\"${y:-'a  }\"  'b",
            "a  \\",
            "`a  b",
            "a  $'b\\'  c' d",
        ] {
            assert_eq!(normal(text), text);
        }
    }
}
