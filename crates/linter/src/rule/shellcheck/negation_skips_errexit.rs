//! # `!` keeps errexit from seeing a failure
//!
//! `set -e` does not end the script at a command behind `!`, whether it comes out true or false. A test that is
//! written like this tests nothing.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN set -e; ! grep -q debug /etc/app.conf; make
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN set -e; if grep -q debug /etc/app.conf; then exit 1; fi; make
//! ```
//!
//! **Fix**: doubtful: the build fails where it went on so far.

use lapstrake_parser::{Safety, Severity, Span};

use crate::dialect::ShellRun;
use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::shell::tree::Pipeline;
use crate::shell::walk::{ListRole, Standing};

pub(super) static RULE: Rule =
    Rule::shellcheck("negation-skips-errexit", &["SC2251"], Severity::Info, Check::Shell(check));

fn check(run: &ShellRun<'_>, findings: &mut Findings<'_>) {
    for (text, _) in run.texts().filter(|(text, _)| text.sets_errexit()) {
        for (pipeline, standing) in text.pipelines.iter().copied() {
            if let Some(bang) = pipeline.bang.filter(|_| is_ignored(standing)) {
                let draft = findings.add(bang, "`set -e` does not see this, whatever comes out");
                let draft = draft.help("write `… && exit 1`");
                // The status of a body is that of its last command, which the fix would change.
                let ends_body = standing.list == ListRole::Body && standing.is_last;
                if let Some(edits) = fix(pipeline, bang).filter(|_| !ends_body) {
                    draft.fix(Safety::Unsafe, edits);
                }
            }
        }
    }
}

/// True if nothing looks at its status. What is said of `$(…)` and arms of `case` is nothing.
fn is_ignored(standing: Standing) -> bool {
    standing.is_alone
        && !standing.is_condition
        && !standing.is_result
        && standing.list != ListRole::Part
}

fn fix(pipeline: &Pipeline, bang: Span) -> Option<[(Span, String); 2]> {
    let (first, last) = (pipeline.nodes.first()?, pipeline.nodes.last()?);
    let end = last.whole_span().end;
    let bang = Span::new(bang.start, first.span.start.max(bang.end));
    Some([(bang, String::new()), (Span::point(end), " && exit 1".to_owned())])
}
