//! Flags of instructions.

use lapstrake_parser::{Instruction, Word};

/// The value of the last flag of that name.
pub(super) fn value<'a>(instruction: &'a Instruction, name: &str) -> Option<&'a Word> {
    let flag = instruction.flags.iter().rfind(|flag| flag.name.value == name)?;
    flag.value.as_ref()
}
