//! Reviewdog's diagnostic format: as one object, or an object on each line. Columns are in bytes.

use lapstrake_parser::{Severity, Span};
use serde_json::{Value, json};

use super::{Report, TOOL, findings, message_and_help};
use crate::diagnostics::json::{Finding, fits};
use crate::diagnostics::source::Source;

/// One object, with a line end.
pub(crate) fn rdjson(reports: &[Report<'_>]) -> String {
    let diagnostics: Vec<Value> = findings(reports).map(diagnostic).collect();
    let report = json!({ "source": { "name": TOOL }, "diagnostics": diagnostics });
    format!("{report:#}\n")
}

/// A line for each finding.
pub(crate) fn rdjsonl(reports: &[Report<'_>]) -> String {
    let lines = findings(reports).map(|finding| {
        let mut line = diagnostic(finding);
        line["source"] = json!({ "name": TOOL });
        format!("{line}\n")
    });
    lines.collect()
}

fn diagnostic(finding: &Finding<'_>) -> Value {
    let Finding { source, diagnostic, .. } = finding;
    let mut code = json!({ "value": diagnostic.code });
    if let Some(url) = &diagnostic.url {
        code["url"] = url.as_ref().into();
    }
    let mut value = json!({
        "message": message_and_help(diagnostic),
        "location": location(source, diagnostic.span),
        "severity": match diagnostic.severity {
            Severity::Error => "ERROR",
            Severity::Warning => "WARNING",
            Severity::Info => "INFO",
        },
        "code": code,
    });
    let labels = diagnostic.labels.iter();
    let labels: Vec<Value> = labels
        .map(|(span, text)| json!({ "message": text, "location": location(source, *span) }))
        .collect();
    if !labels.is_empty() {
        value["relatedLocations"] = labels.into();
    }
    // Each suggestion is for itself: what takes several edits cannot be one.
    let fix = diagnostic.fix.as_ref().filter(|fix| fits(source, fix));
    if let Some([edit]) = fix.map(|fix| fix.edits.as_slice()) {
        value["suggestions"] = json!([{ "range": range(source, edit.span), "text": edit.text }]);
    }
    value
}

fn location(source: &Source, span: Span) -> Value {
    json!({ "path": source.name(), "range": range(source, source.fitting(span)) })
}

fn range(source: &Source, span: Span) -> Value {
    let place = |offset| {
        let position = source.position(offset);
        json!({ "line": position.line, "column": position.byte_column })
    };
    json!({ "start": place(span.start), "end": place(span.end) })
}
