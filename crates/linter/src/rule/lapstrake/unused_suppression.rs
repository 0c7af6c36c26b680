//! # Comments that silence rules are needed
//!
//! A comment that silences nothing hides what comes later, and says that something is wrong where nothing
//! is. Looks at `# lap: ignore=`, `# hadolint ignore=` and `# check=skip=`, for rules that look at all.
//! Tells as well which of them hold for no instruction, name no rule, or were to end on a day that is over.
//!
//! ```dockerfile
//! FROM debian:12
//! # lap: ignore=DL3020 the script is fetched
//! COPY install.sh /
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! COPY install.sh /
//! ```
//!
//! **Fix**: safe below the first instruction: the comment, or the name in it, is taken out. Above, what
//! follows it could become a directive. Comments for BuildKit may ask for more and are left alone.

use lapstrake_parser::{Safety, Severity, Span, suggest};

use crate::finding::Findings;
use crate::policy::Wanted;
use crate::rule::{Check, Rule};
use crate::suppression::{Dialect, Place, Suppression, Suppressions};

pub(super) static RULE: Rule =
    Rule::own("unused-suppression", Severity::Info, Check::Suppressions(check));

fn check(suppressions: &Suppressions<'_>, wanted: &Wanted<'_>, findings: &mut Findings<'_>) {
    for (comment, fault) in &suppressions.faults {
        let draft = findings.add(*comment, format!("the comment silences nothing: {fault}"));
        draft.help("write `# lap: ignore=RULE,… [until=YYYY-MM-DD] reason`");
    }
    for one in &suppressions.all {
        match &one.place {
            Place::Nothing => {
                findings.add(one.comment, "the comment holds for no instruction").help(
                    match one.dialect {
                        Dialect::Hadolint => "hadolint wants it on the line above one",
                        _ => "write it above one",
                    },
                );
            }
            Place::Ended(day) => {
                findings.add(one.comment, format!("the comment silences nothing since {day}"));
            }
            _ => unused(one, suppressions, wanted, findings),
        }
    }
}

fn unused(
    one: &Suppression<'_>,
    suppressions: &Suppressions<'_>,
    wanted: &Wanted<'_>,
    findings: &mut Findings<'_>,
) {
    let is_unused = |name: &str, is_used: bool| !is_used && is_judged(one, name, wanted);
    let mut unused = one.names.iter().filter(|(name, used)| is_unused(&name.value, used.get()));
    let Some((first, _)) = unused.next() else { return };
    let more: Vec<_> = unused.map(|(name, _)| name).collect();
    let near = match crate::rule(&first.value) {
        Some(_) => None,
        None => Some(suggest(&first.value, crate::all().map(|rule| rule.name))),
    };
    let message = match near {
        Some(_) => format!("there is no rule `{}`", first.value),
        None => format!("`{}` silences nothing", first.value),
    };
    let mut draft = findings.add(first.span, message);
    for name in &more {
        draft = draft.label(name.span, "nor does this");
    }
    if let Some(Some(near)) = near {
        draft = draft.help(format!("did you mean `{near}`?"));
    }
    if one.dialect == Dialect::BuildKit || one.comment.start < suppressions.first {
        return;
    }
    let gone: Vec<Span> = [first].into_iter().chain(more).map(|name| name.span).collect();
    let kept = one.names.iter().filter(|(name, _)| !gone.contains(&name.span));
    let kept: Vec<&str> = kept.map(|(name, _)| name.value.as_str()).collect();
    let edit = match (kept.is_empty(), one.names.first(), one.names.last()) {
        (false, Some((from, _)), Some((to, _))) => (from.span.cover(to.span), kept.join(",")),
        _ => (line(suppressions.source, one.comment), String::new()),
    };
    draft.fix(Safety::Safe, [edit]);
}

/// True if it can be said that the name is not needed: its rule looks, or there is none.
fn is_judged(one: &Suppression<'_>, name: &str, wanted: &Wanted<'_>) -> bool {
    let Some(rule) = crate::rule(name) else { return !is_foreign(name) };
    let looks = wanted.rules.iter().any(|looking| looking.name == rule.name);
    let may_silence = match rule.check {
        Check::Suppressions(_) => false,
        _ => one.dialect.names(rule, name) || one.dialect == Dialect::Hadolint,
    };
    looks && may_silence && !rule.experimental && !wanted.policy.ignores(rule)
}

/// True for ids of hadolint and ShellCheck: that such a rule is not here says nothing.
fn is_foreign(name: &str) -> bool {
    let digits = name.strip_prefix("DL").or_else(|| name.strip_prefix("SC"));
    digits.is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))
}

/// The line of a comment with its end.
fn line(source: &str, comment: Span) -> Span {
    let before = source.get(..comment.start).and_then(|text| text.rfind('\n'));
    let behind = source.get(comment.end..).and_then(|text| text.find('\n'));
    let end = behind.map_or(source.len(), |at| comment.end + at + 1);
    Span::new(before.map_or(0, |at| at + 1), end)
}
