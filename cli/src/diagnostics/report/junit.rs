//! JUnit's XML: a suite for each file, a failed case for each finding, a passed one for a clean file.

use super::xml::escaped;
use super::{Report, TOOL, message, message_and_help};
use crate::diagnostics::json::Finding;

/// The document, with a line end.
pub(crate) fn junit(reports: &[Report<'_>]) -> String {
    let failures: usize = reports.iter().map(|report| report.findings.len()).sum();
    let tests: usize = reports.iter().map(|report| report.findings.len().max(1)).sum();
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites name=\"{TOOL}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\">\n"
    );
    reports.iter().for_each(|report| text += &suite(report));
    text + "</testsuites>\n"
}

fn suite(report: &Report<'_>) -> String {
    let name = escaped(report.source.name());
    let failures = report.findings.len();
    let tests = failures.max(1);
    let mut text = format!(
        "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\">\n"
    );
    if report.findings.is_empty() {
        text += &format!("    <testcase name=\"nothing found\" classname=\"{name}\"/>\n");
    }
    report.findings.iter().for_each(|finding| text += &case(finding, &name));
    text + "  </testsuite>\n"
}

fn case(finding: &Finding<'_>, file: &str) -> String {
    let Finding { source, diagnostic, .. } = finding;
    let start = source.position(source.fitting(diagnostic.span).start);
    let (code, line, column) = (escaped(diagnostic.code), start.line, start.column);
    format!(
        "    <testcase name=\"{code} {line}:{column}\" classname=\"{file}\">\n      \
         <failure type=\"{}\" message=\"{}\">{file}:{line}:{column}: {}</failure>\n    </testcase>\n",
        diagnostic.severity.name(),
        escaped(&message(diagnostic)),
        escaped(&message_and_help(diagnostic)),
    )
}
