//! # Labels that are to be addresses are some
//!
//! Who follows the label needs an absolute URI (RFC 3986). Only looks at labels that the `label-schema` of the project's configuration says this of; a value
//! with a variable in it is not looked at.
//!
//! With `docs = "url"` in the schema:
//!
//! ```dockerfile
//! FROM debian:12
//! LABEL docs="not a url"
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! LABEL docs="https://example.com"
//! ```
//!
//! **Fix**: none: what is meant is not known.

use lapstrake_parser::{Instruction, Severity};

use crate::finding::Findings;
use crate::label::misfits;
use crate::policy::LabelKind;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::hadolint("label-not-url", &["DL3052"], Severity::Warning, Check::Instruction(check))
        .recommended();

fn check(subject: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    for label in misfits(subject, instruction, LabelKind::Url) {
        findings.add(label.value_span, format!("the label `{}` is no URI", label.key));
    }
}
