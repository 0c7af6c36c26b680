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
    let small = instructions().filter(|one| !has(one, u8::is_ascii_uppercase)).count();
    let capital = instructions().filter(|one| !has(one, u8::is_ascii_lowercase)).count();
    let is_small = small > capital;
    let unlike = if is_small { u8::is_ascii_uppercase } else { u8::is_ascii_lowercase };
    for instruction in instructions() {
        if has(instruction, unlike) {
            let keyword = instruction.keyword();
            let meant = match is_small {
                true => keyword.value.to_ascii_lowercase(),
                false => keyword.value.to_ascii_uppercase(),
            };
            let message = format!("`{}` is written unlike the other instructions", keyword.value);
            findings
                .add(keyword.span, message)
                .help(format!("write `{meant}`"))
                .fix(Safety::Safe, [(keyword.span, meant)]);
        }
    }
}

/// True if a letter of the keyword is so.
fn has(instruction: &Instruction, is_so: fn(&u8) -> bool) -> bool {
    instruction.keyword().value.as_bytes().iter().any(is_so)
}
