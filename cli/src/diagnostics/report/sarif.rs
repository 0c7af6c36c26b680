//! SARIF 2.1.0 (OASIS, with errata 01): one run, columns in characters.

use std::collections::BTreeMap;

use lapstrake_parser::{Fix, Severity, Span};
use serde_json::{Value, json};

use super::{Report, TOOL, VERSION, findings, message_and_help, title};
use crate::diagnostics::json::{Finding, fits};
use crate::diagnostics::source::Source;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The log with all findings, with a line end.
pub(crate) fn sarif(reports: &[Report<'_>]) -> String {
    let mut rules: BTreeMap<&str, usize> =
        findings(reports).map(|finding| (finding.diagnostic.code, 0)).collect();
    for (index, at) in rules.values_mut().enumerate() {
        *at = index;
    }
    let results: Vec<Value> = findings(reports).map(|finding| result(finding, &rules)).collect();
    let artifacts: Vec<Value> = reports
        .iter()
        .map(|report| json!({ "location": { "uri": uri(report.source.name()) } }))
        .collect();
    let driver = json!({
        "name": TOOL,
        "version": VERSION,
        "rules": rules.keys().map(|code| rule(code, reports)).collect::<Vec<_>>(),
    });
    let run = json!({
        "tool": { "driver": driver },
        "columnKind": "unicodeCodePoints",
        "artifacts": artifacts,
        "results": results,
    });
    let log = json!({ "$schema": SCHEMA, "version": "2.1.0", "runs": [run] });
    format!("{log:#}\n")
}

fn rule(code: &str, reports: &[Report<'_>]) -> Value {
    let mut rule = json!({
        "id": code,
        "shortDescription": { "text": title(code) },
        "help": { "text": format!("`lap explain {code}` says more.") },
    });
    // What GitHub sorts by.
    if let Some(known) = lapstrake_linter::rule(code) {
        rule["properties"] = json!({ "precision": known.confidence.name() });
    }
    let url = findings(reports).find(|finding| finding.diagnostic.code == code);
    if let Some(url) = url.and_then(|finding| finding.diagnostic.url.as_deref()) {
        rule["helpUri"] = url.into();
    }
    rule
}

fn result(finding: &Finding<'_>, rules: &BTreeMap<&str, usize>) -> Value {
    let Finding { source, diagnostic, .. } = finding;
    let mut result = json!({
        "ruleId": diagnostic.code,
        "ruleIndex": rules.get(diagnostic.code),
        "level": match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "note",
        },
        "message": { "text": message_and_help(diagnostic) },
        "locations": [location(source, diagnostic.span)],
    });
    let labels = diagnostic.labels.iter().map(|(span, text)| {
        let mut place = location(source, *span);
        place["message"] = json!({ "text": text });
        place
    });
    let labels: Vec<Value> = labels.collect();
    if !labels.is_empty() {
        result["relatedLocations"] = labels.into();
    }
    if let Some(fix) = diagnostic.fix.as_ref().filter(|fix| fits(source, fix)) {
        let text = diagnostic.help.as_deref().unwrap_or(&diagnostic.message);
        result["fixes"] = json!([self::fix(source, fix, text)]);
    }
    result
}

fn fix(source: &Source, fix: &Fix, text: &str) -> Value {
    let replacements = fix.edits.iter().map(|edit| {
        json!({
            "deletedRegion": region(source, edit.span),
            "insertedContent": { "text": edit.text },
        })
    });
    json!({
        "description": { "text": text },
        "artifactChanges": [{
            "artifactLocation": { "uri": uri(source.name()) },
            "replacements": replacements.collect::<Vec<_>>(),
        }],
    })
}

fn location(source: &Source, span: Span) -> Value {
    json!({
        "physicalLocation": {
            "artifactLocation": { "uri": uri(source.name()) },
            "region": region(source, source.fitting(span)),
        },
    })
}

fn region(source: &Source, span: Span) -> Value {
    let (start, end) = (source.position(span.start), source.position(span.end));
    json!({
        "startLine": start.line,
        "startColumn": start.column,
        "endLine": end.line,
        "endColumn": end.column,
        "byteOffset": start.offset,
        "byteLength": end.offset.saturating_sub(start.offset),
    })
}

/// A path as a reference (RFC 3986): what has a meaning there is escaped.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    if path.starts_with('/') {
        uri.push_str("file://");
    }
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri += &format!("%{byte:02X}");
        }
    }
    uri
}
