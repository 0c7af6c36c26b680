//! # USER is a number
//!
//! Whether a container may run as root is decided by the number of its user: Kubernetes refuses a name
//! with `runAsNonRoot`, as it cannot look it up.
//!
//! ```dockerfile
//! FROM debian:12
//! USER app
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! USER 1000:1000
//! ```
//!
//! **Fix**: none: the number is known to the image only.

use lapstrake_parser::{Instruction, InstructionKind, Severity};

use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::hadolint("user-without-id", &["DL3066"], Severity::Info, Check::Instruction(check))
        .confident(Confidence::Medium);

fn check(subject: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    let InstructionKind::User(user) = &instruction.kind else { return };
    let name = user.as_str().split(':').next().unwrap_or_default();
    let is_argument = || subject.names_argument(instruction, name);
    if !name.chars().all(|c| c.is_ascii_digit()) && !is_argument() {
        let draft = findings
            .add(user.span(), format!("`{name}` is a name, which not everybody can look up"));
        draft.help("write the number of the user");
    }
}
