//! Flags of instructions.

use lapstrake_parser::{Instruction, Word};

/// The value of the last flag of that name; one with nothing behind its `=` says nothing, as in
/// BuildKit.
pub(super) fn value<'a>(instruction: &'a Instruction, name: &str) -> Option<&'a Word> {
    let flag = instruction.flags.iter().rfind(|flag| flag.name.value == name)?;
    flag.value.as_ref().filter(|value| !value.as_str().is_empty())
}
