//! # FROM and AS are written alike
//!
//! Two words of one instruction in different cases read like a slip. A FROM that is itself in mixed
//! case is for `ConsistentInstructionCasing`.
//!
//! ```dockerfile
//! FROM alpine as build
//! ```
//!
//! Write both the same way:
//!
//! ```dockerfile
//! FROM alpine AS build
//! ```
//!
//! **Fix**: safe, the case of these words means nothing.

use lapstrake_parser::{Instruction, Safety};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule = Rule::buildkit("FromAsCasing", Check::Instruction(check));

fn check(_: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    let Some(word) = instruction.from().and_then(|from| from.separator.as_ref()) else { return };
    let from = instruction.keyword();
    let meant = if from.value == from.value.to_lowercase() {
        "as"
    } else if from.value == from.value.to_uppercase() {
        "AS"
    } else {
        return;
    };
    if word.value != meant {
        let message =
            format!("`{}` and `{}` are written in different cases", from.value, word.value);
        findings
            .add(word.span, message)
            .label(from.span, "written like this here")
            .help(format!("write `{meant}`"))
            .fix(Safety::Safe, [(word.span, meant.to_owned())]);
    }
}
