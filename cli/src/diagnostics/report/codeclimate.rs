//! Issues as the Code Climate engine specification has them, and GitLab's code quality report, which is
//! a list of a part of that.

use std::collections::BTreeMap;

use lapstrake_oci::Digest;
use lapstrake_parser::Severity;
use serde_json::{Value, json};

use super::{Report, findings, message, message_and_help};
use crate::diagnostics::json::Finding;

/// Each issue as an object with a zero byte behind it.
pub(crate) fn codeclimate(reports: &[Report<'_>]) -> String {
    let issues = findings(reports).zip(fingerprints(reports)).map(|(finding, fingerprint)| {
        let Finding { source, diagnostic, .. } = finding;
        let span = source.fitting(diagnostic.span);
        let place = |offset| {
            let position = source.position(offset);
            json!({ "line": position.line, "column": position.column })
        };
        let issue = json!({
            "type": "issue",
            "check_name": diagnostic.code,
            "description": message(diagnostic),
            "content": { "body": message_and_help(diagnostic) },
            "categories": ["Bug Risk"],
            "severity": severity(diagnostic.severity),
            "fingerprint": fingerprint,
            "location": {
                "path": source.name(),
                "positions": { "begin": place(span.start), "end": place(span.end) },
            },
        });
        format!("{issue}\0\n")
    });
    issues.collect()
}

/// One list, with a line end.
pub(crate) fn gitlab(reports: &[Report<'_>]) -> String {
    let issues = findings(reports).zip(fingerprints(reports)).map(|(finding, fingerprint)| {
        let Finding { source, diagnostic, .. } = finding;
        let span = source.fitting(diagnostic.span);
        json!({
            "check_name": diagnostic.code,
            "description": message(diagnostic),
            "severity": severity(diagnostic.severity),
            "fingerprint": fingerprint,
            "location": {
                "path": source.name(),
                "lines": {
                    "begin": source.position(span.start).line,
                    "end": source.position(span.end).line,
                },
            },
        })
    });
    format!("{:#}\n", Value::Array(issues.collect()))
}

/// What each finding is known by from one report to the next: its file, code, message and line of text,
/// and how many like it stand above. Not its place, which lines above change.
pub(crate) fn fingerprints(reports: &[Report<'_>]) -> Vec<String> {
    let mut seen = BTreeMap::new();
    let found = findings(reports).map(|finding| {
        let Finding { source, diagnostic, .. } = finding;
        let span = source.fitting(diagnostic.span);
        let line = source.line(source.line_of(span.start)).trim();
        let identity = [source.name(), diagnostic.code, &diagnostic.message, line].join("\0");
        let above = seen.entry(identity.clone()).or_insert(0_usize);
        let fingerprint = Digest::of(format!("{identity}\0{above}").as_bytes()).hex();
        *above += 1;
        fingerprint
    });
    found.collect()
}

/// As hadolint has them.
const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "blocker",
        Severity::Warning => "major",
        Severity::Info => "info",
    }
}
