//! Flags of instructions, and those that are not there yet.

use lapstrake_parser::{Diagnostic, Instruction, InstructionKind, Word};

use super::fault::{fault, with_help};

/// The value of the last flag of that name.
pub(super) fn value<'a>(instruction: &'a Instruction, name: &str) -> Option<&'a Word> {
    let flag = instruction.flags.iter().rfind(|flag| flag.name.value == name)?;
    flag.value.as_ref()
}

/// Flags that `=false` turns off: then nothing is lost.
const SWITCHES: [&str; 1] = ["keep-git-dir"];

/// Refuses flags whose meaning would otherwise be lost.
pub(super) fn check(instruction: &Instruction) -> Result<(), Diagnostic> {
    let unsupported: &[&str] = match &instruction.kind {
        InstructionKind::Add(_) => &["keep-git-dir"],
        _ => &[],
    };
    let flag = instruction.flags.iter().find(|flag| {
        let name = flag.name.value.as_str();
        let is_off = SWITCHES.contains(&name) && !flag.is_true();
        unsupported.contains(&name) && !is_off
    });
    match flag {
        None => Ok(()),
        Some(flag) => {
            let keyword = instruction.keyword.value.to_uppercase();
            let message = format!("{keyword} --{} is not supported yet", flag.name.value);
            let help = "remove the flag, or build this file with another builder for now";
            Err(with_help(fault("unsupported-flag", flag.span, message), help))
        }
    }
}
