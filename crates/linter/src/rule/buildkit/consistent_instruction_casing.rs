//! # All instruction names are written alike
//!
//! Names of instructions may be written in any case. A file that mixes cases is harder to read.
//! What most instructions do counts, capitals if it is even; a name in mixed case is always one of
//! the others. Arguments in front of the first FROM are not looked at.
//!
//! ```dockerfile
//! FROM alpine
//! run apk add git
//! USER nobody
//! ```
//!
//! Write them all the same way:
//!
//! ```dockerfile
//! FROM alpine
//! RUN apk add git
//! USER nobody
//! ```
//!
//! **Fix**: safe, the case means nothing.

use lapstrake_parser::{Instruction, Safety};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule = Rule::buildkit("ConsistentInstructionCasing", Check::File(check));

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let globals = subject.dockerfile.global_instructions().len();
    let instructions = || subject.dockerfile.instructions.iter().skip(globals);
    let small = instructions().filter(|one| one.keyword().value == small(one)).count();
    let capital = instructions().filter(|one| one.keyword().value == capital(one)).count();
    let is_small = small > capital;
    for instruction in instructions() {
        let keyword = instruction.keyword();
        let meant = if is_small { self::small(instruction) } else { self::capital(instruction) };
        if keyword.value != meant {
            let message = format!("`{}` is written unlike the other instructions", keyword.value);
            findings
                .add(keyword.span, message)
                .help(format!("write `{meant}`"))
                .fix(Safety::Safe, [(keyword.span, meant)]);
        }
    }
}

fn small(instruction: &Instruction) -> String {
    instruction.keyword().value.to_lowercase()
}

fn capital(instruction: &Instruction) -> String {
    instruction.keyword().value.to_uppercase()
}
