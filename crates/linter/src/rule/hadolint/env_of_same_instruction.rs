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
//! **Fix**: unsafe: an ENV of its own begins there, and the value is another one. None where the variable is set behind its
//! use.

use lapstrake_parser::{Instruction, InstructionKind, Safety, Severity, Span};

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
                let draft = draft.help("set it in an ENV of its own, in front");
                let keys = pairs.iter().map(|pair| pair.key.span());
                let before = pairs.iter().map(|pair| pair.value.span().end);
                let before = before.zip(keys.skip(1)).find(|(_, key)| *key == pair.key.span());
                let is_in_front = other.key.span().start < pair.key.span().start;
                if let Some((end, key)) = before.filter(|_| is_in_front) {
                    let line = format!("\n{} ", instruction.keyword().value);
                    draft.fix(Safety::Unsafe, [(Span::new(end, key.start), line)]);
                }
                break;
            }
        }
    }
}
