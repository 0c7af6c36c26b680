//! # CMD and ENTRYPOINT are JSON arrays
//!
//! A command that is plain text runs as `/bin/sh -c "…"`. Then the shell is process 1: most shells
//! pass no signals on, so `docker stop` waits ten seconds and kills. Where the file or the base image
//! sets a SHELL, the shell is taken to be meant.
//!
//! ```dockerfile
//! FROM alpine
//! ENTRYPOINT my-program --now
//! ```
//!
//! Write an array, with double quotes:
//!
//! ```dockerfile
//! FROM alpine
//! ENTRYPOINT ["my-program", "--now"]
//! ```
//!
//! **Fix**: unsafe, and only for words without a meaning for the shell: the program becomes process 1.

use lapstrake_parser::{CommandForm, InstructionKind, Safety, Word};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::walk::Step;

pub(super) static RULE: Rule = Rule::buildkit("JSONArgsRecommended", Check::Step(check));

fn check(step: &Step<'_>, findings: &mut Findings<'_>) {
    let (InstructionKind::Cmd(form) | InstructionKind::Entrypoint(form)) = &step.instruction.kind
    else {
        return;
    };
    let CommandForm::Shell(command) = form else { return };
    if step.state.has_shell {
        return;
    }
    let name = step.instruction.kind.keyword().name();
    let span = if command.as_str().is_empty() { step.instruction.span } else { command.span() };
    let draft = findings.add(span, format!("{name} runs in a shell, which passes no signals on"));
    if command.as_str().starts_with('[') {
        draft.help("this is no JSON array: its elements are texts in double quotes");
    } else if let Some(array) = array(command) {
        let draft = draft.help(format!("write `{name} {array}`"));
        draft.fix(Safety::Unsafe, [(command.span(), array)]);
    } else {
        draft.help(format!("write it like `{name} [\"program\", \"argument\"]`, or set SHELL"));
    }
}

/// The array that does the same, unless the shell has something to do.
fn array(command: &Word) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_./:@%+,-".contains(c);
    let words: Vec<&str> = command.as_str().split_ascii_whitespace().collect();
    let first = words.first()?;
    if BUILT_IN.contains(first) || first.contains('=') {
        return None;
    }
    let plain = words.iter().all(|word| word.chars().all(|c| is_plain(c) || c == '='));
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    plain.then(|| format!("[{}]", quoted.join(", ")))
}

/// Words at the beginning of a command that are for the shell itself.
const BUILT_IN: [&str; 22] = [
    ".", ":", "alias", "case", "cd", "command", "eval", "exec", "exit", "export", "for", "if",
    "read", "set", "shift", "source", "trap", "type", "ulimit", "umask", "until", "while",
];
