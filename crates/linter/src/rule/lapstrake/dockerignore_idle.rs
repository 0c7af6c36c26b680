//! # Lines of `.dockerignore` match something
//!
//! A line that matches nothing in the context, which may be a slip, or what is left of files that are gone; and a
//! `.dockerignore` that does not count, because the Dockerfile has an ignore file of its own beside it. Looks where the
//! context is known. What is only there at times (`node_modules`, `*.log`) may be meant to be left out all the same: so this
//! is for who wants to know. Lines that do something else than they say are the business of `dockerignore-lint`.
//!
//! ```dockerfile
//! # .dockerignore has the line `documentation`, and the folder is called docs
//! FROM alpine
//! COPY . /app
//! ```
//!
//! Better: the line `docs`.
//!
//! **Fix**: none: which files are meant is for the author to say.

use lapstrake_parser::{Severity, Span};

use super::dockerignore_lint::deeper;
use crate::finding::Findings;
use crate::ignored::Lines;
use crate::rule::{Check, Confidence, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule = Rule::own("dockerignore-idle", Severity::Info, Check::File(check))
    .strict()
    .confident(Confidence::Medium);

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let Some(lines) = subject.known.context.and_then(Lines::of) else { return };
    findings.looks_into(&lines.file);
    if let Some(other) = lines.ignore.instead_of {
        let first = lines.ignore.text.lines().next().map_or(0, str::len);
        let message = format!("`{other}` does not count: this file stands in its place");
        let help = format!("repeat here what is needed of `{other}`: the two are not joined");
        findings.add(Span::new(0, first), message).help(help);
    }
    for line in &lines.lines {
        let is_idle = line.matched.is_empty() && !lines.may_match_more(line);
        if !is_idle || deeper(&lines, line).is_some() {
            continue;
        }
        let message = format!("`{}` matches nothing in the context", line.pattern);
        let help = "leave the line away, or mend the path: it counts from the root of the context";
        findings.add(lines.ignore.span(line.number), message).help(help);
    }
}
