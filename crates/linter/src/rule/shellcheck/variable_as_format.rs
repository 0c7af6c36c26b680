//! # The format of printf is no variable
//!
//! printf takes `%` and `\` in its first argument for signs of its own: text with them in it comes out as something else, or as a fault.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN read -r name < /name && printf "$name" > /etc/hostname
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN read -r name < /name && printf '%s' "$name" > /etc/hostname
//! ```
//!
//! **Fix**: doubtful: escapes in the variable stay as they are then.

use lapstrake_parser::{Safety, Severity, Span};

use crate::dialect::ShellRun;
use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::shell::{Command, PieceKind, ShellWord};

pub(super) static RULE: Rule =
    Rule::shellcheck("variable-as-format", &["SC2059"], Severity::Info, Check::Shell(check));

fn check(run: &ShellRun<'_>, findings: &mut Findings<'_>) {
    for (text, _) in run.texts() {
        for (command, _) in &text.commands {
            let Some(format) = format(command) else { continue };
            if format.is_literal || format.text.contains('%') {
                continue;
            }
            let draft =
                findings.add(format.span, "`%` and `\\` in this are taken for signs of `printf`");
            let draft = draft.help("write `printf '%s' …`");
            if matches!(format.pieces.as_slice(), [piece] if is_whole(&piece.kind)) {
                let edit = (Span::point(format.span.start), "'%s' ".to_owned());
                draft.fix(Safety::Unsafe, [edit]);
            }
        }
    }
}

/// The first argument of a printf that is no flag of it.
fn format(command: &Command) -> Option<&ShellWord> {
    if command.name() != "printf" {
        return None;
    }
    let mut words = command.arguments().iter().peekable();
    loop {
        let word = words.next()?;
        match word.text.as_str() {
            "--" => {}
            "-v" => drop(words.next()),
            text if text.starts_with("-v") => {}
            _ => return Some(word),
        }
    }
}

const fn is_whole(kind: &PieceKind) -> bool {
    matches!(kind, PieceKind::Double(_))
}
