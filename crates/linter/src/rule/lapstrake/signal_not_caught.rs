//! # STOPSIGNAL is one that a program can act on
//!
//! `docker stop` sends this signal so that the program can end in order, and kills it when it has not ended in time. SIGKILL
//! and SIGSTOP reach no program: the first ends it at once, with all that it has not written yet, and the
//! second halts it until it is killed (signal(7)).
//!
//! ```dockerfile
//! FROM debian:12
//! STOPSIGNAL SIGKILL
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! STOPSIGNAL SIGTERM
//! ```
//!
//! **Fix**: none: which signal the program acts on is for the author to say.

use lapstrake_parser::{Instruction, InstructionKind, Severity};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::own("signal-not-caught", Severity::Warning, Check::Instruction(check));

/// Signals that no program sees, by their names and numbers.
const UNSEEN: [(&str, &str, &str); 2] = [
    ("KILL", "9", "the program cannot end in order: `SIGKILL` ends it at once"),
    ("STOP", "19", "the program cannot end in order: `SIGSTOP` halts it"),
];

fn check(_: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    let InstructionKind::Stopsignal(word) = &instruction.kind else { return };
    let name = word.as_str().trim_matches(['"', '\'']).to_ascii_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    let unseen = UNSEEN.iter().find(|(own, number, _)| *own == name || *number == name);
    if let Some((_, _, message)) = unseen {
        let draft = findings.add(word.span(), *message);
        draft.help(
            "name the signal that the program ends at: SIGTERM (the default), SIGINT, SIGQUIT",
        );
    }
}
