//! Where instructions take files from.

use lapstrake_parser::{Instruction, InstructionKind, Span, Word, mount};

/// The stages and images that an instruction takes files from, and where they are named: those of
/// `--from`, and of `from` in `--mount`.
pub(crate) fn named(instruction: &Instruction) -> Vec<(String, Span)> {
    let copied = instruction.flag("from").and_then(|flag| flag.value.as_ref());
    let mounts = instruction.flags_named("mount").filter_map(|flag| flag.value.as_ref());
    let mounted = mounts.filter_map(|word: &Word| {
        let (name, range) = mount::option(word.as_str(), &["from"])?;
        Some((name, word.span_of(range)))
    });
    let copied = copied.map(|word| (word.as_str().to_owned(), word.span()));
    copied.into_iter().chain(mounted).collect()
}

/// As [`named`], what a trigger takes included.
pub(crate) fn named_at_last(instruction: &Instruction) -> Vec<(String, Span)> {
    match &instruction.kind {
        InstructionKind::Onbuild(onbuild) => {
            onbuild.instruction.as_deref().map(named).unwrap_or_default()
        }
        _ => named(instruction),
    }
}
