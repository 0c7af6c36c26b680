//! What variables come to, as far as the file and its base images tell.

use std::collections::BTreeMap;

use lapstrake_parser::{Expander, Instruction, InstructionKind, Stage, Word};

use crate::document::Document;
use crate::workspace::Workspace;

/// Variables with their values. Nothing for those that only the build knows.
pub(crate) type Values = BTreeMap<String, Option<String>>;

/// The variables in front of an offset, in the stage it stands in; those of FROM in front of the first one
/// and in a FROM.
pub(crate) fn values(document: &Document, offset: usize, workspace: &dyn Workspace) -> Values {
    let dockerfile = &document.parsed.dockerfile;
    let escape = dockerfile.escape;
    let mut global = Values::new();
    for instruction in dockerfile.global_instructions() {
        if instruction.span.start < offset {
            apply(instruction, &mut global, &Values::new(), escape);
        }
    }
    let stages = dockerfile.stages();
    let own = stages.iter().rposition(|stage| stage.instruction.span.end < offset);
    let in_from = stages.iter().any(|stage| {
        let span = stage.instruction.span;
        span.start <= offset && offset <= span.end
    });
    let Some(own) = own.filter(|_| !in_from) else { return global };
    let mut found: Vec<Values> = Vec::new();
    for stage in stages.iter().take(own + 1) {
        let mut values = start(stage, &stages, &found, &global, (escape, workspace));
        for instruction in stage.instructions.iter().filter(|one| one.span.end <= offset) {
            apply(instruction, &mut values, &global, escape);
        }
        found.push(values);
    }
    found.pop().unwrap_or_default()
}

/// What a stage begins with: what that below it ended with, or the environment of its image.
fn start(
    stage: &Stage<'_>,
    stages: &[Stage<'_>],
    found: &[Values],
    global: &Values,
    (escape, workspace): (char, &dyn Workspace),
) -> Values {
    let image = expand(&stage.from.image, global, escape);
    let lower = image.to_lowercase();
    let below =
        stages.iter().take(stage.index).rposition(|one| one.name().as_ref() == Some(&lower));
    if let Some(values) = below.and_then(|index| found.get(index)) {
        return values.clone();
    }
    let image = workspace.image(&image);
    let environment = image.into_iter().flat_map(|image| image.environment);
    let pairs = environment.filter_map(|pair| {
        pair.split_once('=').map(|(name, value)| (name.to_owned(), Some(value.to_owned())))
    });
    pairs.collect()
}

/// What an instruction sets.
fn apply(instruction: &Instruction, values: &mut Values, global: &Values, escape: char) {
    let set: Vec<(String, Option<String>)> = match &instruction.kind {
        InstructionKind::Arg(all) => all
            .iter()
            .map(|one| {
                let name = one.name.text.to_string();
                let own = one.value.as_ref().map(|value| expand(value, values, escape));
                let value = own.or_else(|| global.get(&name).cloned().flatten());
                (name, value)
            })
            .collect(),
        InstructionKind::Env(all) => all
            .iter()
            .map(|one| (expand(&one.key, values, escape), Some(expand(&one.value, values, escape))))
            .collect(),
        _ => return,
    };
    values.extend(set);
}

/// A word once variables are in; those that have no value stay as they are written, and so does a word that
/// cannot be expanded.
pub(crate) fn expand(word: &Word, values: &Values, escape: char) -> String {
    let expander = Expander { keep_undefined: true, ..Expander::new(escape) };
    let value = |name: &str| values.get(name).cloned().flatten();
    match expander.expand(word.as_str(), &value) {
        Ok(expanded) => expanded.text,
        Err(_) => word.text.to_string(),
    }
}
