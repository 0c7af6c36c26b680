//! What is told about the text under the pointer.

use lsp_types::{Hover, HoverContents, MarkupContent, MarkupKind, Position};

use crate::document::Document;
use crate::workspace::Workspace;

/// The pages of the findings at that place.
pub(crate) fn hover(
    document: &Document,
    position: Position,
    workspace: &dyn Workspace,
) -> Option<Hover> {
    let offset = document.offset(position);
    let found = document.diagnostics(workspace);
    let here = found.iter().filter(|one| one.span.start <= offset && offset <= one.span.end);
    let mut pages: Vec<(&str, String)> = Vec::new();
    for one in here {
        if pages.iter().all(|(code, _)| *code != one.code) {
            pages.extend(workspace.page(one.code).map(|page| (one.code, page)));
        }
    }
    let parts: Vec<String> = pages.into_iter().map(|(_, page)| page).collect();
    (!parts.is_empty()).then(|| markdown(&parts))
}

fn markdown(parts: &[String]) -> Hover {
    let value = parts.join("\n---\n\n");
    let contents = HoverContents::Markup(MarkupContent { kind: MarkupKind::Markdown, value });
    Hover { contents, range: None }
}
