//! Where instructions take files from.

use std::collections::BTreeSet;

use lapstrake_parser::{Instruction, InstructionKind, Span, Stage, Word, mount};

use crate::subject::Subject;

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
fn named_at_last(instruction: &Instruction) -> Vec<(String, Span)> {
    match &instruction.kind {
        InstructionKind::Onbuild(onbuild) => {
            onbuild.instruction.as_deref().map(named).unwrap_or_default()
        }
        _ => named(instruction),
    }
}

/// The stages that others need: of those that `is_root` names, and of what these need.
pub(crate) fn needed(
    subject: &Subject<'_>,
    is_root: impl Fn(&Stage<'_>) -> bool,
) -> BTreeSet<usize> {
    let mut needed: BTreeSet<usize> = BTreeSet::new();
    // A stage takes from earlier ones alone.
    for stage in subject.stages.iter().rev() {
        if !is_root(stage) && !needed.contains(&stage.index) {
            continue;
        }
        let from = stage.instructions.iter().flat_map(named_at_last).map(|(name, _)| name);
        for name in from.chain([stage.from.image.as_str().to_owned()]) {
            if may_be_stage(&name) {
                needed.extend(0..stage.index);
            }
            let number = || name.parse().ok();
            needed.extend(subject.stage_named(&name, stage.index).or_else(number));
        }
    }
    needed
}

/// True if the value of a variable decides which stage a name means, if it means one.
pub(crate) fn may_be_stage(name: &str) -> bool {
    let mut parts = name.split('$');
    let before = parts.next().unwrap_or_default();
    let mut behind = parts.map(|part| match part.starts_with('{') {
        true => part.split_once('}').map_or("", |(_, behind)| behind),
        false => part,
    });
    name.contains('$')
        && !before.contains([':', '/'])
        && !behind.any(|part| part.contains([':', '/']))
}
