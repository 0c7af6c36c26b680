//! # Comments that silence rules say why
//!
//! Without a reason nobody can tell later whether a comment is still needed, or whether it was ever right. The reason stands behind
//! the names: `# lap: ignore=RULE reason`, `# hadolint ignore=RULE # reason`, `# check=skip=RULE reason`. A comment in the line
//! above counts as well.
//!
//! ```dockerfile
//! FROM debian:12
//! # lap: ignore=DL3020
//! ADD app.conf /etc/
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! # lap: ignore=DL3020 older builders of ours cannot copy here
//! ADD app.conf /etc/
//! ```
//!
//! **Fix**: none: the reason is the author's to give.

use lapstrake_parser::Severity;

use crate::finding::Findings;
use crate::policy::Wanted;
use crate::rule::{Check, Rule};
use crate::suppression::{Dialect, Suppression, Suppressions};

pub(super) static RULE: Rule =
    Rule::own("suppression-without-reason", Severity::Info, Check::Suppressions(check)).strict();

fn check(suppressions: &Suppressions<'_>, _: &Wanted<'_>, findings: &mut Findings<'_>) {
    // What the command line says stands nowhere.
    for one in suppressions.all.iter().filter(|one| !one.comment.is_empty()) {
        if has_reason(one, suppressions.source) || is_explained(one, suppressions.source) {
            continue;
        }
        let form = match one.dialect {
            Dialect::Lapstrake => "# lap: ignore=RULE reason",
            Dialect::Hadolint => "# hadolint ignore=RULE # reason",
            Dialect::BuildKit => "# check=skip=RULE reason",
        };
        let draft = findings.add(one.comment, "the comment does not say why");
        draft.help(format!("write it as `{form}`"));
    }
}

/// True if something stands behind the names that is a part of no setting.
fn has_reason(one: &Suppression<'_>, source: &str) -> bool {
    let text = source.get(one.comment.range()).unwrap_or_default();
    match one.dialect {
        Dialect::Lapstrake => {
            let end = one.names.last().map_or(one.comment.end, |(name, _)| name.span.end);
            let behind = source.get(end..one.comment.end).unwrap_or_default();
            behind.split_whitespace().any(|word| !word.starts_with("until=") && is_text(word))
        }
        Dialect::Hadolint => text.trim_start_matches('#').split('#').skip(1).any(is_text),
        Dialect::BuildKit => text
            .split_once('=')
            .and_then(|(_, options)| options.trim_start().split_once(' '))
            .is_some_and(|(_, behind)| is_text(behind)),
    }
}

/// True if the line above is a comment that silences nothing.
fn is_explained(one: &Suppression<'_>, source: &str) -> bool {
    let before = source.get(..one.comment.start).unwrap_or_default();
    let mut lines = before.rsplit('\n').skip(1);
    let above = lines.next().and_then(|line| line.trim().strip_prefix('#')).unwrap_or_default();
    let is_setting = ["lap:", "hadolint", "check", "syntax", "escape"]
        .iter()
        .any(|word| above.trim_start().starts_with(word));
    is_text(above) && !is_setting
}

fn is_text(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}
