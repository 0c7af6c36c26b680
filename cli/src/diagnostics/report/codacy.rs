//! Results as Codacy reads them from its tools: one object on each line.

use lapstrake_linter::Rule;
use serde_json::json;

use super::{Report, findings, message};
use crate::diagnostics::json::Finding;

/// What hadolint calls a file that is none.
const SYNTAX: &str = "DL1000";

/// A line for each finding.
pub(crate) fn codacy(reports: &[Report<'_>]) -> String {
    findings(reports).map(line).collect()
}

fn line(finding: &Finding<'_>) -> String {
    let Finding { source, diagnostic, .. } = finding;
    let result = json!({
        "filename": source.name(),
        "line": source.position(source.fitting(diagnostic.span).start).line,
        "message": message(diagnostic),
        "patternId": pattern(diagnostic.code),
    });
    format!("{result}\n")
}

/// Codacy knows hadolint's ids; what hadolint has no rule for is called by its own name.
fn pattern(code: &'static str) -> &'static str {
    let id = |rule: &'static Rule| {
        let mut ids = rule.aliases.iter();
        ids.find(|alias| alias.starts_with("DL") || alias.starts_with("SC")).copied()
    };
    match lapstrake_linter::rule(code) {
        Some(rule) => id(rule).unwrap_or(code),
        None => SYNTAX,
    }
}
