//! # Labels that a project asks for are not empty
//!
//! An empty label says as much as none. Only looks at labels of the `label-schema` in the project's
//! configuration.
//!
//! With `owner = "text"` in the schema:
//!
//! ```dockerfile
//! FROM debian:12
//! LABEL owner=""
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! LABEL owner="team-a"
//! ```
//!
//! **Fix**: none: what is meant is not known.

use lapstrake_parser::{Instruction, Severity};

use crate::finding::Findings;
use crate::label::labels;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::hadolint("label-empty", &["DL3051"], Severity::Warning, Check::Instruction(check))
        .recommended();

fn check(subject: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    let schema = &subject.policy.label_schema;
    if schema.is_empty() {
        return;
    }
    for label in labels(subject, instruction) {
        if schema.contains_key(&label.key) && label.value.as_deref() == Some("") {
            findings.add(label.value_span, format!("the label `{}` is empty", label.key));
        }
    }
}
