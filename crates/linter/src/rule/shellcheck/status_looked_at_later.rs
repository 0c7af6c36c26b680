//! # A command is its own condition
//!
//! `$?` is that of the last command, whichever that is once lines have come in between; behind `set -e` a failure has ended the script already.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN make; if [ $? -ne 0 ]; then cat make.log; fi
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN if ! make; then cat make.log; fi
//! ```
//!
//! **Fix**: none: the command has to move.

use lapstrake_parser::Severity;

use crate::dialect::ShellRun;
use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::shell::test::{Test, between_brackets};
use crate::shell::{Piece, PieceKind, ShellWord};

pub(super) static RULE: Rule =
    Rule::shellcheck("status-looked-at-later", &["SC2181"], Severity::Info, Check::Shell(check));

fn check(run: &ShellRun<'_>, findings: &mut Findings<'_>) {
    let script = run.run.script;
    for node in run.nodes() {
        let Some(words) = between_brackets(&node.kind, script) else { continue };
        let test = Test::of(words);
        let ([[left, _, right]], []) = (test.comparisons.as_slice(), test.joints.as_slice()) else {
            continue;
        };
        let status = match (is_status(left), is_status(right)) {
            (true, _) if right.text == "0" => left,
            (_, true) if left.text == "0" => right,
            _ => continue,
        };
        let draft = findings.add(status.span, "`$?` may not be that of the command that is meant");
        draft.help("write the command itself behind `if`");
    }
}

fn is_status(word: &ShellWord) -> bool {
    let [piece] = word.pieces.as_slice() else { return false };
    let is_status = |piece: &Piece| match &piece.kind {
        PieceKind::Parameter(parameter) => parameter.name == "?" && parameter.is_plain(),
        _ => false,
    };
    match &piece.kind {
        PieceKind::Double(pieces) => matches!(pieces.as_slice(), [piece] if is_status(piece)),
        _ => is_status(piece),
    }
}
