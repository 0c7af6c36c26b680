//! # Stage names are in small letters
//!
//! Stages are looked up in small letters, whatever a name is written like. A name with capitals
//! looks like a value that it is not: `FROM Build` does not even find the stage `Build` in BuildKit.
//!
//! ```dockerfile
//! FROM alpine AS Build
//! ```
//!
//! Write it small:
//!
//! ```dockerfile
//! FROM alpine AS build
//! ```
//!
//! **Fix**: safe, the name means the same stage.

use lapstrake_parser::{Instruction, Safety};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule = Rule::buildkit("StageNameCasing", Check::Instruction(check));

fn check(_: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    let Some(name) = instruction.from().and_then(|from| from.name.as_ref()) else { return };
    let small = name.value.to_lowercase();
    if name.value != *small {
        let message = format!("the stage name `{}` has capital letters", name.value);
        findings
            .add(name.span, message)
            .help(format!("write `{small}`: stages are looked up in small letters"))
            .fix(Safety::Safe, [(name.span, small)]);
    }
}
