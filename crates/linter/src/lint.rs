//! From a file to its findings.

use std::collections::BTreeMap;

use lapstrake_parser::{Dockerfile, Span};

use crate::finding::{Finding, Findings, Owned};
use crate::foreign::Foreign;
use crate::known::Known;
use crate::policy::Wanted;
use crate::rule::Check;
use crate::subject::Subject;
use crate::suppression::{Suppressions, may_be_heard};
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
    let heard = wanted.rules.iter().filter(|rule| may_be_heard(rule, source, wanted));
    let heard: Vec<_> = heard.copied().collect();
    walk::walk(&subject, &heard, &triggers, &mut findings);
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
    let is_heard = |found: &Owned<'_>| {
        suppressions.let_through(found, wanted) && !(wanted.is_own && found.is_meant)
    };
    let mut heard: Vec<Owned<'_>> = found.filter(is_heard).collect();
    for rule in wanted.rules {
        if let Check::Suppressions(check) = rule.check {
            let mut findings = Findings::new(rule);
            check(&suppressions, wanted, &mut findings);
            heard.extend(findings.into_owned().into_iter().filter(is_heard));
        }
    }
    let mut findings: Vec<Finding> = heard.into_iter().map(|found| found.finding).collect();
    say_once(&mut findings);
    if wanted.is_own {
        findings.retain(|one| !one.rule.of_size || is_shipped(&subject, one.diagnostic.span));
    }
    for finding in &mut findings {
        if let Some(severity) = wanted.policy.severity(finding.rule) {
            finding.diagnostic.severity = severity;
        }
    }
    findings.sort_by_key(|finding| (finding.file.is_some(), finding.diagnostic.span));
    findings
}

/// True for a place in a stage that is in an image.
fn is_shipped(subject: &Subject<'_>, place: Span) -> bool {
    let mut stages = subject.stages.iter().rev();
    let stage = stages.find(|stage| stage.instruction.span.start <= place.start);
    stage.is_none_or(|stage| subject.is_shipped(stage))
}

/// Takes out what a more precise rule has said of the same place, or of one that it shows as well.
fn say_once(findings: &mut Vec<Finding>) {
    let mut said: BTreeMap<&str, Vec<Span>> = BTreeMap::new();
    for Finding { rule, diagnostic, .. } in findings.iter() {
        for name in rule.instead_of {
            let labels = diagnostic.labels.iter().map(|(span, _)| *span);
            said.entry(name).or_default().extend(labels.chain([diagnostic.span]));
        }
    }
    if said.is_empty() {
        return;
    }
    // In the order in which they start, each with the furthest end so far.
    for spans in said.values_mut() {
        spans.sort_unstable();
        let mut end = 0;
        for span in spans {
            end = end.max(span.end);
            span.end = end;
        }
    }
    findings.retain(|one| {
        let span = one.diagnostic.span;
        let is_said = said.get(one.rule.name).is_some_and(|spans| {
            let before = spans.partition_point(|at| at.start < span.end);
            let last = before.checked_sub(1).and_then(|at| spans.get(at));
            last.is_some_and(|last| span.start < last.end)
        });
        one.file.is_some() || !is_said
    });
}

const fn holds(outer: Span, inner: Span) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

#[cfg(test)]
mod tests {
    use lapstrake_parser::check::CheckOptions;

    use super::*;
    use crate::policy::Policy;
    use crate::rule::{Preset, all};

    fn names(source: &str, preset: Preset) -> Vec<&'static str> {
        let rules: Vec<_> = all().filter(|rule| rule.presets.contains(&preset)).collect();
        let (checks, policy) = (CheckOptions::default(), Policy::default());
        let is_own = matches!(preset, Preset::Recommended | Preset::Strict);
        let wanted = Wanted { rules: &rules, checks: &checks, policy: &policy, is_own };
        let dockerfile = lapstrake_parser::parse(source).dockerfile;
        let found = lint(source, &dockerfile, &Known::nothing(), &wanted);
        found.iter().map(|one| one.rule.name).collect()
    }

    #[test]
    fn the_size_of_what_is_not_shipped_does_not_matter() {
        let source = "FROM alpine:3 AS one\nRUN apk add a\nFROM alpine:3 AS two\nRUN apk add b\n\
                      FROM two\nCOPY --from=one /a /a\nRUN apk add c\n";
        let count = |preset| {
            names(source, preset).into_iter().filter(|name| *name == "apk-index-kept").count()
        };
        assert_eq!(count(Preset::Recommended), 2);
        assert_eq!(count(Preset::Hadolint), 3);
    }

    #[test]
    fn a_fault_is_told_once_by_the_rule_that_says_most() {
        let source = "FROM debian:12\nENV A =b\nENV B b\nCMD ['a']\nENTRYPOINT a; b\n";
        let own =
            ["space-before-equals", "LegacyKeyValueFormat", "bad-exec-json", "JSONArgsRecommended"];
        assert_eq!(names(source, Preset::Recommended), own);
        let builders = [
            "LegacyKeyValueFormat",
            "LegacyKeyValueFormat",
            "JSONArgsRecommended",
            "JSONArgsRecommended",
        ];
        assert_eq!(names(source, Preset::BuildKit), builders);
    }
}
