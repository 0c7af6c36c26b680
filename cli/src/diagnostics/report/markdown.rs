//! A table in Markdown, for comments and summaries of jobs.

use super::{Report, message};
use crate::diagnostics::json::Finding;

/// A heading and a table for each file in which something was found, and a line where nothing was.
pub(crate) fn markdown(reports: &[Report<'_>]) -> String {
    let odd = reports.iter().filter(|report| !report.findings.is_empty());
    let tables: String = odd.map(table).collect();
    if tables.is_empty() { "Nothing found.\n".to_owned() } else { tables }
}

fn table(report: &Report<'_>) -> String {
    let rows = report.findings.iter().map(row);
    let head = "| line | severity | rule | message |\n|---:|---|---|---|\n";
    format!("### {}\n\n{head}{}\n", text(report.source.name()), rows.collect::<String>())
}

fn row(finding: &Finding<'_>) -> String {
    let Finding { source, diagnostic, .. } = finding;
    let place = source.position(source.fitting(diagnostic.span).start);
    let code = match &diagnostic.url {
        Some(url) => format!("[{}]({url})", diagnostic.code),
        None => diagnostic.code.to_owned(),
    };
    let help = diagnostic.help.as_deref().map(|help| format!("<br>{}", text(help)));
    format!(
        "| {}:{} | {} | {code} | {}{} |\n",
        place.line,
        place.column,
        diagnostic.severity.name(),
        text(&message(diagnostic)),
        help.unwrap_or_default()
    )
}

/// A text in a cell as it is: what is between backticks stays code.
fn text(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut is_code = false;
    let count = text.matches('`').count();
    for letter in text.chars() {
        match letter {
            '`' if count.is_multiple_of(2) => {
                is_code = !is_code;
                shown.push('`');
            }
            '|' => shown.push_str("\\|"),
            '\n' => shown.push_str("<br>"),
            letter if letter.is_control() => shown.push('\u{fffd}'),
            '<' | '>' | '&' | '*' | '_' | '[' | ']' | '\\' | '`' if !is_code => {
                shown.push_str(&format!("&#{};", u32::from(letter)));
            }
            letter => shown.push(letter),
        }
    }
    shown
}
