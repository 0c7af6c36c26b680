//! Definitions, references, and renaming.

use std::collections::HashMap;

use lapstrake_parser::Span;
use lsp_types::{Location, Position, PrepareRenameResponse, TextEdit, WorkspaceEdit};

use crate::document::Document;
use crate::names::{Names, Occurrence, Subject};
use crate::variable;

fn names(document: &Document) -> Names {
    Names::of(&document.text, &document.parsed.dockerfile)
}

fn location(document: &Document, span: Span) -> Location {
    Location { uri: document.uri.clone(), range: document.range(span) }
}

/// Where the name was given that stands at a position. A stage without a name is where its FROM is.
pub(crate) fn definition(document: &Document, position: Position) -> Option<Location> {
    let names = names(document);
    let one = names.at(document.offset(position))?;
    let span = match names.definition(one) {
        Some(definition) => definition.span,
        None => match one.subject {
            Subject::Stage(index) => {
                document.parsed.dockerfile.stages().get(index)?.instruction.keyword().span
            }
            Subject::Variable(_) => return None,
        },
    };
    Some(location(document, span))
}

/// All places that name what is named at a position.
pub(crate) fn references(
    document: &Document,
    position: Position,
    with_definitions: bool,
) -> Option<Vec<Location>> {
    let names = names(document);
    let one = names.at(document.offset(position))?;
    let same = names.same(one).into_iter();
    let same = same.filter(|one| with_definitions || !one.is_definition);
    Some(same.map(|one| location(document, one.span)).collect())
}

/// The name at a position, if it can be another one.
pub(crate) fn prepare(document: &Document, position: Position) -> Option<PrepareRenameResponse> {
    let names = names(document);
    let one = names.at(document.offset(position)).filter(|one| is_given(&names, one))?;
    let placeholder = document.text.get(one.span.range())?.to_owned();
    let range = document.range(one.span);
    Some(PrepareRenameResponse::RangeWithPlaceholder { range, placeholder })
}

/// What is named without having been given a name keeps it: it is the builder's or the base image's.
fn is_given(names: &Names, one: &Occurrence) -> bool {
    names.same(one).iter().any(|other| other.is_definition)
}

/// Gives what is named at a position another name.
///
/// # Errors
/// In a line, why that cannot be its name.
#[allow(clippy::mutable_key_type, reason = "a URI keeps what it worked out about itself")]
pub(crate) fn rename(
    document: &Document,
    position: Position,
    name: &str,
) -> Result<Option<WorkspaceEdit>, String> {
    let names = names(document);
    let Some(one) = names.at(document.offset(position)).filter(|one| is_given(&names, one)) else {
        return Ok(None);
    };
    let same = names.same(one);
    let text = |one: &Occurrence| document.text.get(one.span.range()).unwrap_or_default();
    let fault = match &one.subject {
        Subject::Stage(index) => stage_fault(document, *index, name),
        Subject::Variable(_) if !variable::is_name(name) => {
            Some("a variable is letters, digits and `_`, and starts with no digit".to_owned())
        }
        Subject::Variable(_) => {
            let is_taken = names.all.iter().any(|other| {
                other.subject == Subject::Variable(name.to_owned())
                    && same.iter().any(|one| one.stage == other.stage)
            });
            is_taken.then(|| format!("there is a variable `{name}` already"))
        }
    };
    if let Some(fault) = fault.filter(|_| text(one) != name) {
        return Err(fault);
    }
    // A stage may be named by its number, which stays.
    let is_number = |one: &&&Occurrence| text(one).bytes().all(|byte| byte.is_ascii_digit());
    let edits = same
        .iter()
        .filter(|one| !is_number(one))
        .map(|one| TextEdit { range: document.range(one.span), new_text: name.to_owned() });
    Ok(Some(WorkspaceEdit::new(HashMap::from([(document.uri.clone(), edits.collect())]))))
}

/// Why a stage cannot have that name: it has to be one (A7.2), and no other stage's.
fn stage_fault(document: &Document, index: usize, name: &str) -> Option<String> {
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic());
    if !begins || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return Some(
            "a stage is letters, digits, `-`, `_` and `.`, and starts with a letter".to_owned(),
        );
    }
    let stages = document.parsed.dockerfile.stages();
    let mut others = stages.iter().filter(|stage| stage.index != index);
    let is_taken =
        others.any(|stage| stage.name().is_some_and(|own| own.eq_ignore_ascii_case(name)));
    is_taken.then(|| format!("there is a stage `{name}` already"))
}
