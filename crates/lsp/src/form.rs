//! Formatting.

use lapstrake_parser::Span;
use lsp_types::TextEdit;
use similar::{DiffOp, TextDiff};

use crate::document::Document;

/// What brings the document into the one form. Nothing if it has to stay as it is.
pub(crate) fn formatted(document: &Document) -> Option<Vec<TextEdit>> {
    let text = lapstrake_format::format(&document.text, &document.parsed).ok()?;
    Some(edits(document, &text))
}

/// What makes the document that text: the lines that differ, so that cursors elsewhere stay.
pub(crate) fn edits(document: &Document, text: &str) -> Vec<TextEdit> {
    let diff = TextDiff::from_lines(document.text.as_str(), text);
    let (before, after) = (starts(diff.old_slices()), starts(diff.new_slices()));
    let place = |starts: &[usize], line: usize| starts.get(line).copied().unwrap_or_default();
    let changes = diff.ops().iter().filter(|op| !matches!(op, DiffOp::Equal { .. }));
    let edits = changes.map(|op| {
        let (old, new) = (op.old_range(), op.new_range());
        let span = Span::new(place(&before, old.start), place(&before, old.end));
        let new = place(&after, new.start)..place(&after, new.end);
        let new_text = text.get(new).unwrap_or_default().to_owned();
        TextEdit { range: document.range(span), new_text }
    });
    edits.collect()
}

/// Where each line starts, and where the last one ends.
fn starts(lines: &[&str]) -> Vec<usize> {
    let mut end = 0;
    let ends = lines.iter().map(|line| {
        end += line.len();
        end
    });
    std::iter::once(0).chain(ends).collect()
}
