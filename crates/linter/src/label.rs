//! Labels as a project's schema has them, and what may be in them.

mod form;

use lapstrake_parser::{Instruction, InstructionKind, KeyValue, Span};

use crate::environment::Environment;
use crate::policy::LabelKind;
use crate::subject::Subject;
use crate::value::value;

/// A label that is set.
pub(crate) struct Label {
    /// Its name.
    pub(crate) key: String,
    /// What it is set to; nothing if that depends on variables.
    pub(crate) value: Option<String>,
    /// Where the name stands.
    pub(crate) key_span: Span,
    /// Where the value stands; the whole pair if it has no place.
    pub(crate) value_span: Span,
}

/// The labels that an instruction sets.
pub(crate) fn labels(subject: &Subject<'_>, instruction: &Instruction) -> Vec<Label> {
    let InstructionKind::Label(pairs) = &instruction.kind else { return Vec::new() };
    pairs.iter().map(|pair| label(subject, pair)).collect()
}

/// The labels that an instruction sets and that are not what the schema says: those that are to be of
/// this kind. Without those whose value depends on variables.
pub(crate) fn misfits(
    subject: &Subject<'_>,
    instruction: &Instruction,
    kind: LabelKind,
) -> Vec<Label> {
    let schema = &subject.policy.label_schema;
    if schema.is_empty() {
        return Vec::new();
    }
    let mut labels = labels(subject, instruction);
    labels.retain(|label| {
        let is_meant = schema.get(&label.key) == Some(&kind);
        is_meant && label.value.as_ref().is_some_and(|value| !fits(value, kind))
    });
    labels
}

fn label(subject: &Subject<'_>, pair: &KeyValue) -> Label {
    let plain = |word| {
        let value = value(word, &Environment::default(), subject.dockerfile.escape)?;
        (!value.is_variable()).then(|| value.text.into_owned())
    };
    let value_span = match pair.value.span().is_empty() {
        true => pair.key.span().cover(pair.value.span()),
        false => pair.value.span(),
    };
    Label {
        key: plain(&pair.key).unwrap_or_else(|| pair.key.as_str().to_owned()),
        value: plain(&pair.value),
        key_span: pair.key.span(),
        value_span,
    }
}

fn fits(value: &str, kind: LabelKind) -> bool {
    match kind {
        LabelKind::Text => !value.is_empty(),
        LabelKind::Url => form::is_url(value),
        LabelKind::Time => form::is_time(value),
        LabelKind::Version => semver::Version::parse(value).is_ok(),
        LabelKind::Commit => form::is_commit(value),
        LabelKind::Licence => spdx::Expression::parse(value).is_ok(),
        LabelKind::Email => form::is_email(value),
    }
}

#[cfg(test)]
mod tests;
