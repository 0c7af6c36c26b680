//! From a file to its findings.

use lapstrake_parser::{Dockerfile, Span};

use crate::finding::{Finding, Findings, Owned};
use crate::foreign::Foreign;
use crate::known::Known;
use crate::policy::Wanted;
use crate::rule::Check;
use crate::subject::Subject;
use crate::suppression::Suppressions;
use crate::walk;

/// Lets the wanted rules look at a file. `source` is the text that `dockerfile` was parsed from.
///
/// The findings are in the order of their places; those at one place in the order of the rules.
pub fn lint(
    source: &str,
    dockerfile: &Dockerfile,
    known: &Known<'_>,
    wanted: &Wanted<'_>,
) -> Vec<Finding> {
    lint_with(source, dockerfile, known, wanted, &[])
}

/// As [`lint`], with what ShellCheck says of the file. The comments of the file silence that as well.
pub fn lint_with(
    source: &str,
    dockerfile: &Dockerfile,
    known: &Known<'_>,
    wanted: &Wanted<'_>,
    foreign: &[Foreign],
) -> Vec<Finding> {
    let Some(first) = wanted.rules.first() else { return Vec::new() };
    let subject = Subject::new(source, dockerfile, known, wanted.policy);
    let triggers = walk::triggers(&subject);
    let mut findings = Findings::new(first);
    walk::walk(&subject, wanted.rules, &triggers, &mut findings);
    for one in foreign {
        let owner = dockerfile.instructions.iter().find(|owner| owner.span == one.owner);
        findings.looks(one.rule(), owner);
        findings.add_foreign(one);
    }
    let found = findings.into_owned().into_iter();
    let found = found.map(|found| match found.finding.rule.check {
        Check::Stage(_) if found.finding.file.is_none() => {
            let span = found.finding.diagnostic.span;
            Owned {
                owner: dockerfile.instructions.iter().find(|one| holds(one.span, span)),
                ..found
            }
        }
        _ => found,
    });
    let suppressions = Suppressions::read(&subject, wanted);
    let is_heard = |found: &Owned<'_>| suppressions.let_through(found, wanted);
    let mut heard: Vec<Owned<'_>> = found.filter(is_heard).collect();
    for rule in wanted.rules {
        if let Check::Suppressions(check) = rule.check {
            let mut findings = Findings::new(rule);
            check(&suppressions, wanted, &mut findings);
            heard.extend(findings.into_owned().into_iter().filter(is_heard));
        }
    }
    let mut findings: Vec<Finding> = heard.into_iter().map(|found| found.finding).collect();
    for finding in &mut findings {
        if let Some(severity) = wanted.policy.severity(finding.rule) {
            finding.diagnostic.severity = severity;
        }
    }
    findings.sort_by_key(|finding| (finding.file.is_some(), finding.diagnostic.span));
    findings
}

const fn holds(outer: Span, inner: Span) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}
