//! From a file to its findings.

use lapstrake_parser::check::CheckOptions;
use lapstrake_parser::{Dockerfile, Span};

use crate::finding::{Finding, Findings, Owned};
use crate::known::Known;
use crate::rule::{Check, Rule};
use crate::subject::Subject;
use crate::suppression::{self, Ignored};
use crate::walk;

/// Lets `rules` look at a file. `source` is the text that `dockerfile` was parsed from; `checks`
/// says which rules the file, or the command line in its place, wants.
///
/// The findings are in the order of their places; those at one place in the order of `rules`.
pub fn lint(
    source: &str,
    dockerfile: &Dockerfile,
    known: &Known<'_>,
    rules: &[&'static Rule],
    checks: &CheckOptions,
) -> Vec<Finding> {
    let Some(first) = rules.first() else { return Vec::new() };
    let subject = Subject::new(source, dockerfile, known);
    let triggers = walk::triggers(&subject);
    let mut findings = Findings::new(first);
    walk::walk(&subject, rules, &triggers, &mut findings);
    let found = findings.into_owned().into_iter();
    let found = found.map(|found| match found.finding.rule.check {
        Check::Stage(_) => {
            let span = found.finding.diagnostic.span;
            Owned {
                owner: dockerfile.instructions.iter().find(|one| holds(one.span, span)),
                ..found
            }
        }
        _ => found,
    });
    let ignored = Ignored::read(source, dockerfile);
    let wanted = found.filter(|found| suppression::wants(found, checks, &ignored));
    let mut findings: Vec<Finding> = wanted.map(|found| found.finding).collect();
    findings.sort_by_key(|finding| finding.diagnostic.span);
    findings
}

const fn holds(outer: Span, inner: Span) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}
