//! Quick fixes.

use std::collections::HashMap;

use lapstrake_parser::{Diagnostic, Fix, Safety, Span};
use lsp_types::{
    CodeAction, CodeActionKind, CodeActionOrCommand, CodeActionParams, TextEdit, WorkspaceEdit,
};

use crate::document::Document;
use crate::finding;
use crate::form;

/// All safe fixes of a file at once: what `lap lint --fix` makes.
pub(crate) const FIX_ALL: CodeActionKind = CodeActionKind::new("source.fixAll.lap");

/// What can be done about the findings that the range touches.
pub(crate) fn actions(
    document: &Document,
    found: &[Diagnostic],
    params: &CodeActionParams,
) -> Vec<CodeActionOrCommand> {
    let wanted = params.context.only.as_deref();
    let is_wanted = |kind: &CodeActionKind| {
        let is_under = |one: &CodeActionKind| {
            let rest = kind.as_str().strip_prefix(one.as_str());
            rest.is_some_and(|rest| {
                rest.is_empty() || rest.starts_with('.') || one.as_str().is_empty()
            })
        };
        wanted.is_none_or(|kinds| kinds.iter().any(is_under))
    };
    let mut actions = Vec::new();
    if is_wanted(&CodeActionKind::QUICKFIX) {
        let span = document.span(params.range);
        let touched = found.iter().filter(|one| touch(one.span, span));
        actions.extend(touched.filter_map(|one| Some(quick_fix(document, one, one.fix.as_ref()?))));
    }
    // Whoever did not ask for kinds wants to know what to do about this place.
    if wanted.is_some() && is_wanted(&FIX_ALL) {
        actions.extend(fix_all(document, found));
    }
    actions.into_iter().map(CodeActionOrCommand::CodeAction).collect()
}

const fn touch(one: Span, other: Span) -> bool {
    one.start <= other.end && other.start <= one.end
}

fn quick_fix(document: &Document, one: &Diagnostic, fix: &Fix) -> CodeAction {
    let what = one.help.as_deref().unwrap_or(&one.message);
    let is_safe = fix.safety == Safety::Safe;
    let mark = if is_safe { "" } else { " (unsafe: look at what it changes)" };
    let edits = fix
        .edits
        .iter()
        .map(|edit| TextEdit { range: document.range(edit.span), new_text: edit.text.clone() });
    CodeAction {
        title: format!("{}: {what}{mark}", one.code),
        kind: Some(CodeActionKind::QUICKFIX),
        diagnostics: Some(vec![finding::shown(document, one)]),
        edit: Some(change(document, edits.collect())),
        is_preferred: Some(is_safe),
        ..CodeAction::default()
    }
}

fn fix_all(document: &Document, found: &[Diagnostic]) -> Option<CodeAction> {
    let fixes = found.iter().filter_map(|one| one.fix.as_ref());
    let safe = fixes.filter(|fix| fix.safety == Safety::Safe);
    let mended = lapstrake_linter::mend(&document.text, safe)?;
    Some(CodeAction {
        title: "make all safe fixes".to_owned(),
        kind: Some(FIX_ALL),
        edit: Some(change(document, form::edits(document, &mended.text))),
        ..CodeAction::default()
    })
}

// The protocol maps addresses of documents to their changes.
#[allow(clippy::mutable_key_type, reason = "a URI keeps what it worked out about itself")]
fn change(document: &Document, edits: Vec<TextEdit>) -> WorkspaceEdit {
    WorkspaceEdit::new(HashMap::from([(document.uri.clone(), edits)]))
}
