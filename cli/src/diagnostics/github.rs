//! Findings for GitHub Actions: workflow commands, one line each, that its runner shows beside the lines.
//!
//! The form is that of GitHub's "Workflow commands": `::LEVEL PROPERTY=VALUE,…::MESSAGE`.

use lapstrake_parser::Severity;

use super::json::Finding;

/// The lines of these findings.
pub(crate) fn annotations(found: &[Finding<'_>]) -> String {
    found.iter().map(line).collect()
}

fn line(found: &Finding<'_>) -> String {
    let Finding { source, diagnostic, .. } = found;
    let level = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "notice",
    };
    let span = source.fitting(diagnostic.span);
    let (start, end) = (source.position(span.start), source.position(span.end));
    let mut place = format!("file={},line={}", property(source.name()), start.line);
    place += &format!(",endLine={}", end.line);
    // Columns are only allowed within one line.
    if start.line == end.line {
        place += &format!(",col={},endColumn={}", start.column, end.column);
    }
    let causes = std::iter::once(&diagnostic.message).chain(&diagnostic.causes);
    let mut message = causes.map(String::as_str).collect::<Vec<_>>().join(": ");
    if let Some(help) = &diagnostic.help {
        message += &format!("\n{help}");
    }
    let title = property(diagnostic.code);
    format!("::{level} {place},title={title}::{}\n", data(&message))
}

/// What would end the line, or begin an escape.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// And what would end the value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
