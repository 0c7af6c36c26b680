//! # ENV does not see its own names
//!
//! All values of one ENV are those from before it: a name that the same ENV sets is not there yet.
//!
//! ```dockerfile
//! FROM debian:12
//! ENV BASE=/opt BIN=$BASE/bin
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! ENV BASE=/opt
//! ENV BIN=$BASE/bin
//! ```
//!
//! **Fix**: none: the value may be meant to be that from before.

use lapstrake_parser::{Instruction, InstructionKind, Severity};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::{Subject, mentions};

pub(super) static RULE: Rule = Rule::hadolint(
    "env-of-same-instruction",
    &["DL3044"],
    Severity::Error,
    Check::Instruction(check),
)
.recommended();

fn check(subject: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    let InstructionKind::Env(pairs) = &instruction.kind else { return };
    for pair in pairs {
        for other in pairs.iter().filter(|other| other.key.as_str() != pair.key.as_str()) {
            let name = other.key.as_str();
            if mentions(pair.value.as_str(), name) && !subject.sets_before(instruction, name) {
                let draft =
                    findings.add(pair.value.span(), format!("`{name}` has no value here yet"));
                let draft = draft.label(other.key.span(), "it is set by the same ENV");
                draft.help("set it in an ENV of its own, in front");
                break;
            }
        }
    }
}
