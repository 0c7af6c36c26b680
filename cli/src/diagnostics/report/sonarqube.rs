//! SonarQube's generic format for issues of other tools: rules, and issues that name them. Lines count from 1, columns from
//! 0, in UTF-16 code units, and a range is not empty.

use std::collections::BTreeMap;

use lapstrake_parser::{Severity, Span};
use serde_json::{Value, json};

use super::{Report, TOOL, findings, message_and_help, title};
use crate::diagnostics::json::Finding;
use crate::diagnostics::source::Source;

/// One object, with a line end.
pub(crate) fn sonarqube(reports: &[Report<'_>]) -> String {
    // A rule is as bad as the worst of its findings: an issue has no severity of its own.
    let mut worst: BTreeMap<&str, Severity> = BTreeMap::new();
    for Finding { diagnostic, .. } in findings(reports) {
        let severity = worst.entry(diagnostic.code).or_insert(diagnostic.severity);
        *severity = diagnostic.severity.max(*severity);
    }
    let rules: Vec<Value> = worst.iter().map(|(code, severity)| rule(code, *severity)).collect();
    let issues: Vec<Value> = findings(reports).map(issue).collect();
    format!("{:#}\n", json!({ "rules": rules, "issues": issues }))
}

fn rule(code: &str, severity: Severity) -> Value {
    let (level, impact) = match severity {
        Severity::Error => ("CRITICAL", "HIGH"),
        Severity::Warning => ("MAJOR", "MEDIUM"),
        Severity::Info => ("INFO", "LOW"),
    };
    json!({
        "id": code,
        "name": title(code),
        "description": format!("`lap explain {code}` says more."),
        "engineId": TOOL,
        "cleanCodeAttribute": "CONVENTIONAL",
        "type": "CODE_SMELL",
        "severity": level,
        "impacts": [{ "softwareQuality": "MAINTAINABILITY", "severity": impact }],
    })
}

fn issue(finding: &Finding<'_>) -> Value {
    let Finding { source, diagnostic, .. } = finding;
    let place = |span: Span, message: &str| json!({ "message": message, "filePath": source.name(), "textRange": range(source, span) });
    let labels = diagnostic.labels.iter().map(|(span, text)| place(*span, text));
    json!({
        "ruleId": diagnostic.code,
        "primaryLocation": place(diagnostic.span, &message_and_help(diagnostic)),
        "secondaryLocations": labels.collect::<Vec<_>>(),
    })
}

/// Whole lines where a range would be empty.
fn range(source: &Source, span: Span) -> Value {
    let span = source.fitting(span);
    let (start, end) = (source.position(span.start), source.position(span.end));
    let mut range = json!({ "startLine": start.line, "endLine": end.line });
    if !span.is_empty() {
        range["startColumn"] = column(source, span.start).into();
        range["endColumn"] = column(source, span.end).into();
    }
    range
}

fn column(source: &Source, offset: usize) -> usize {
    let position = source.position(offset);
    let line = source.line(source.line_of(offset));
    let before = line.chars().take(position.column.saturating_sub(1));
    before.map(char::len_utf16).sum()
}
