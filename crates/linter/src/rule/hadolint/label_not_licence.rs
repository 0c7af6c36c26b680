//! # Labels that are to be licences are some
//!
//! Who reads the label needs the ids of the SPDX list, as one or as an expression. Only looks at labels that the `label-schema` of the project's configuration says this of; a value
//! with a variable in it is not looked at.
//!
//! With `licence = "spdx"` in the schema:
//!
//! ```dockerfile
//! FROM debian:12
//! LABEL licence="Free"
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! LABEL licence="MIT OR Apache-2.0"
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
    Rule::hadolint("label-not-licence", &["DL3054"], Severity::Warning, Check::Instruction(check))
        .recommended();

fn check(subject: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    for label in misfits(subject, instruction, LabelKind::Licence) {
        findings.add(
            label.value_span,
            format!("the label `{}` is no licence of the SPDX list", label.key),
        );
    }
}
