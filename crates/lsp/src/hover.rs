//! What is told about the text under the pointer.

use std::fmt::Write as _;

use lapstrake_parser::{Instruction, InstructionKind, Keyword};
use lsp_types::{Hover, HoverContents, MarkupContent, MarkupKind, Position, Range};

use crate::document::Document;
use crate::instruction;
use crate::names::{Names, Subject};
use crate::value::{self, expand};
use crate::workspace::{Facts, Workspace};

/// What there is to say about a position: what stands there, then the pages of the findings there.
pub(crate) fn hover(
    document: &Document,
    position: Position,
    workspace: &dyn Workspace,
) -> Option<Hover> {
    let offset = document.offset(position);
    let found = document.diagnostics(workspace);
    let here = found.iter().filter(|one| one.span.start <= offset && offset <= one.span.end);
    let mut codes: Vec<&str> = here.map(|one| one.code).collect();
    codes.dedup();
    let about = subject(document, offset, workspace);
    let range = about.as_ref().map(|(_, range)| *range);
    let pages = codes.into_iter().filter_map(|code| workspace.page(code));
    let parts: Vec<String> = about.map(|(text, _)| text).into_iter().chain(pages).collect();
    let value = parts.join("\n---\n\n");
    let contents = HoverContents::Markup(MarkupContent { kind: MarkupKind::Markdown, value });
    (!parts.is_empty()).then_some(Hover { contents, range })
}

/// What stands at an offset, in words, and where.
fn subject(
    document: &Document,
    offset: usize,
    workspace: &dyn Workspace,
) -> Option<(String, Range)> {
    let instructions = &document.parsed.dockerfile.instructions;
    let at = instructions.iter().find(|one| one.span.start <= offset && offset <= one.span.end)?;
    let keyword = at.keyword().span;
    if keyword.start <= offset && offset <= keyword.end {
        return Some((instruction_text(document, at, workspace), document.range(keyword)));
    }
    let names = Names::of(&document.text, &document.parsed.dockerfile);
    if let Some(one) = names.at(offset) {
        let text = match &one.subject {
            Subject::Stage(index) => stage(document, *index)?,
            Subject::Variable(name) => {
                // What an instruction sets is known behind it.
                let end = if one.is_definition { at.span.end } else { at.span.start };
                variable(document, name, end, workspace)?
            }
        };
        return Some((text, document.range(one.span)));
    }
    let InstructionKind::From(from) = &at.kind else { return None };
    let span = from.image.span();
    let is_image = span.start <= offset && offset <= span.end;
    let text = is_image.then(|| image(document, at, workspace)).flatten()?;
    Some((text, document.range(span)))
}

fn instruction_text(document: &Document, one: &Instruction, workspace: &dyn Workspace) -> String {
    let keyword = one.kind.keyword();
    let (form, purpose) = (instruction::form(keyword), instruction::purpose(keyword));
    let mut text = format!("```dockerfile\n{form}\n```\n\n{purpose}\n");
    let makes_layer =
        matches!(keyword, Keyword::Run | Keyword::Copy | Keyword::Add | Keyword::Workdir);
    let made = document.path().filter(|_| makes_layer);
    let made = made.and_then(|path| workspace.made(&path, one.original()));
    if let Some(facts) = made {
        text.push_str("\n**Built last**\n\n");
        text.push_str(&list(&facts));
    }
    text
}

fn stage(document: &Document, index: usize) -> Option<String> {
    let stages = document.parsed.dockerfile.stages();
    let stage = stages.get(index)?;
    let line = stage.instruction.lines.0;
    Some(format!(
        "stage {index}, line {line}\n\n```dockerfile\n{}\n```\n",
        stage.instruction.original()
    ))
}

fn variable(
    document: &Document,
    name: &str,
    end: usize,
    workspace: &dyn Workspace,
) -> Option<String> {
    let values = value::values(document, end, workspace);
    Some(match values.get(name)? {
        Some(value) => format!("`{name}` is `{value}`, unless the build is told otherwise\n"),
        None => format!("`{name}` has no default: `--build-arg {name}=…` gives it a value\n"),
    })
}

fn image(document: &Document, from: &Instruction, workspace: &dyn Workspace) -> Option<String> {
    let values = value::values(document, from.span.start, workspace);
    let word = &from.from()?.image;
    let name = expand(word, &values, document.parsed.dockerfile.escape);
    let mut text = format!("`{name}`");
    match workspace.image(&name) {
        Some(image) => {
            text.push_str(", as it is in the store\n\n");
            text.push_str(&list(&image.facts));
        }
        None => text.push_str(" is not in the store\n"),
    }
    Some(text)
}

/// A list in Markdown.
pub(crate) fn list(facts: &Facts) -> String {
    facts.iter().fold(String::new(), |mut text, (name, value)| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "- {name}: {value}");
        text
    })
}
