//! Messages as the GNU coding standards have them ("Formatting Error Messages"): `PROGRAM:FILE:LINE:COLUMN: MESSAGE`.

use super::{Report, findings, message};
use crate::diagnostics::json::Finding;
use crate::diagnostics::wrap;

/// The program that the messages are of.
const PROGRAM: &str = "lap";

/// A line for each finding. In front of its message stand the rule and how bad it is, as hadolint has them.
pub(crate) fn gnu(reports: &[Report<'_>]) -> String {
    findings(reports).map(line).collect()
}

fn line(finding: &Finding<'_>) -> String {
    let Finding { source, diagnostic, .. } = finding;
    let place = source.position(source.fitting(diagnostic.span).start);
    let (name, level, code) = (source.name(), diagnostic.severity.name(), diagnostic.code);
    let message = wrap::message(&message(diagnostic)).replace('\n', " ");
    format!("{PROGRAM}:{name}:{}:{}: {code} {level}: {message}\n", place.line, place.column)
}
