//! What instructions cost when they were executed last, shown behind them.

use lsp_types::{InlayHint, InlayHintLabel, InlayHintTooltip, MarkupContent, MarkupKind, Range};
use serde_json::{Value, json};

use crate::document::Document;
use crate::hover::list;
use crate::workspace::Workspace;

/// How many folders are named.
const NAMED: usize = 5;

/// A hint behind the first line of each instruction in the range whose layer is known: how large that is, and how long it took. What
/// else there is to say is told of one hint at a time, by [`resolved`].
pub(crate) fn hints(
    document: &Document,
    range: Range,
    workspace: &dyn Workspace,
) -> Vec<InlayHint> {
    let asked = document.span(range);
    let mut hints = Vec::new();
    document.with_known(workspace, &mut |known| {
        for made in known.stages.iter().flat_map(|stage| stage.made) {
            if (asked.start..=asked.end).contains(&made.at) {
                hints.push(hint(document, made.at, made.summary()));
            }
        }
    });
    hints
}

fn hint(document: &Document, at: usize, text: String) -> InlayHint {
    let rest = document.text.get(at..).unwrap_or_default();
    let line = rest.split(['\n', '\r']).next().unwrap_or_default().trim_end();
    InlayHint {
        position: document.position(at + line.len()),
        label: InlayHintLabel::String(text),
        kind: None,
        text_edits: None,
        tooltip: None,
        padding_left: Some(true),
        padding_right: None,
        data: Some(json!({ "uri": document.uri.as_str(), "at": at })),
    }
}

/// The address of the document that a hint is of, and where its instruction starts.
pub(crate) fn origin(hint: &InlayHint) -> Option<(&str, usize)> {
    let data = hint.data.as_ref()?;
    let at = data.get("at").and_then(Value::as_u64)?;
    Some((data.get("uri")?.as_str()?, usize::try_from(at).ok()?))
}

/// The hint with what is in the layer, when it was made, and how often it was not.
pub(crate) fn resolved(
    hint: InlayHint,
    document: &Document,
    at: usize,
    workspace: &dyn Workspace,
) -> InlayHint {
    let mut all = document.parsed.dockerfile.instructions.iter();
    let instruction = all.find(|one| one.span.start == at);
    let facts = document.path().zip(instruction);
    let facts = facts.and_then(|(path, one)| workspace.made(&path, one.original()));
    let mut facts = facts.unwrap_or_default();
    document.with_known(workspace, &mut |known| {
        let mut all = known.stages.iter().flat_map(|stage| stage.made);
        if let Some(made) = all.find(|made| made.at == at) {
            facts.extend(made.largest(NAMED).into_iter().map(|folder| ("in it", folder)));
        }
    });
    let value = list(&facts);
    let content = MarkupContent { kind: MarkupKind::Markdown, value };
    InlayHint { tooltip: Some(InlayHintTooltip::MarkupContent(content)), ..hint }
}
