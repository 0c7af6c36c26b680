//! Checkstyle's XML, version 4.3, as tools for its reports read it.

use super::xml::escaped;
use super::{Report, message};
use crate::diagnostics::json::Finding;

/// The document, with a line end. Files without findings are not in it.
pub(crate) fn checkstyle(reports: &[Report<'_>]) -> String {
    let mut text =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<checkstyle version=\"4.3\">\n".to_owned();
    for report in reports.iter().filter(|report| !report.findings.is_empty()) {
        text += &format!("  <file name=\"{}\">\n", escaped(report.source.name()));
        report.findings.iter().for_each(|finding| text += &error(finding));
        text += "  </file>\n";
    }
    text + "</checkstyle>\n"
}

fn error(finding: &Finding<'_>) -> String {
    let Finding { source, diagnostic, .. } = finding;
    let start = source.position(source.fitting(diagnostic.span).start);
    format!(
        "    <error line=\"{}\" column=\"{}\" severity=\"{}\" message=\"{}\" source=\"{}\"/>\n",
        start.line,
        start.column,
        diagnostic.severity.name(),
        escaped(&message(diagnostic)),
        escaped(diagnostic.code),
    )
}
