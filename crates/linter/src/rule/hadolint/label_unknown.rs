//! # No labels but those that the project has
//!
//! For projects in which nobody is to make up labels: with `strict-labels`, the labels are those of the
//! `label-schema` in the configuration.
//!
//! With `strict-labels = true` and `owner = "text"` in the schema:
//!
//! ```dockerfile
//! FROM debian:12
//! LABEL owner="team-a" onwer="team-b"
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! LABEL owner="team-a"
//! ```
//!
//! **Fix**: unsafe: the nearest name of the schema.

use lapstrake_parser::{Instruction, Severity, suggest};

use crate::finding::Findings;
use crate::label::labels;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::hadolint("label-unknown", &["DL3050"], Severity::Info, Check::Instruction(check))
        .recommended();

fn check(subject: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    if !subject.policy.strict_labels {
        return;
    }
    let schema = &subject.policy.label_schema;
    for label in labels(subject, instruction) {
        if schema.contains_key(&label.key) {
            continue;
        }
        let near = suggest(&label.key, schema.keys().map(String::as_str));
        let message = format!("the label `{}` is not one of the project's", label.key);
        findings.add(label.key_span, message).suggest(label.key_span, near);
    }
}
