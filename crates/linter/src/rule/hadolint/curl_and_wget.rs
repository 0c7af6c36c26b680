//! # curl or wget, not both
//!
//! One of them is enough: a stage that has both installs, and has to keep up to date, one too many.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN curl -O https://example.com/a
//! RUN wget -q https://example.com/b
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN curl -O https://example.com/a
//! RUN curl -O https://example.com/b
//! ```
//!
//! **Fix**: none: their flags differ.

use lapstrake_parser::{Severity, Stage};

use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::run::Run;
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::hadolint("curl-and-wget", &["DL4001"], Severity::Warning, Check::Stage(check))
        .confident(Confidence::Medium);

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    let mut seen: Vec<&str> = Vec::new();
    for instruction in stage.instructions {
        let Some(run) = Run::of(subject, instruction) else { continue };
        let both: Vec<_> = run.commands(&["curl", "wget"]).collect();
        seen.extend(both.iter().map(|command| command.name()));
        let Some(last) = both.last() else { continue };
        if seen.contains(&"curl") && seen.contains(&"wget") {
            let draft = findings.add(last.name_span(), "this stage uses both curl and wget");
            draft.help("use one of them");
        }
    }
}
