//! # What stands in front of `;` may fail unseen
//!
//! The status of a RUN is that of its last command. Behind `;` the shell goes on whatever has failed, and the
//! step counts as done and is cached, half made; behind `&&` it stops. Looks at the commands of the line itself, not at
//! those inside of `if` and loops but for their last. Quiet where SHELL or `set -e` has the shell stop (until `set +e`), for
//! commands such as `echo`, chains with `||`, commands behind which `$?` is asked for, and lines that end with `true` or `exit 0`. Changes of the
//! folder are the business of `unchecked-cd`, here-documents that of `heredoc-no-errexit`.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN apt-get update; apt-get install -y curl
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN apt-get update && apt-get install -y curl
//! ```
//!
//! **Fix**: doubtful: `&&`, unless what follows has `||`. The step fails where it went on so far.

use lapstrake_parser::{Safety, Severity, Span, Stage};

use crate::failure::{self, Unseen};
use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::run::Run;
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::own("semicolon-swallows-failure", Severity::Warning, Check::Stage(check))
        .confident(Confidence::Medium);

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    for (instruction, is_safe) in failure::with_errexit(subject, stage) {
        let Some(run) = Run::of(subject, instruction).filter(|_| !is_safe) else { continue };
        let Some(part) = run.script.parts.iter().find(|part| part.heredoc.is_none()) else {
            continue;
        };
        if let Some(unseen) =
            failure::first_unseen(subject, run.script, &part.list, &["cd", "pushd", "popd"])
        {
            report(subject, &unseen, findings);
        }
    }
}

fn report(subject: &Subject<'_>, unseen: &Unseen<'_>, findings: &mut Findings<'_>) {
    let what = match unseen.command.name() {
        "" => "this".to_owned(),
        name => format!("`{name}`"),
    };
    let message = format!("if {what} fails, the RUN goes on, and the step counts as done");
    let draft = findings.add(unseen.span, message);
    let draft = draft.help("join the commands by `&&`, or begin with `set -e;`");
    let behind = subject.source.get(unseen.span.end..).unwrap_or_default();
    let blanks = behind.len() - behind.trim_start_matches([' ', '\t']).len();
    let is_semicolon =
        behind.get(blanks..).is_some_and(|rest| rest.starts_with(';') && !rest.starts_with(";;"));
    if is_semicolon && unseen.next.joints.iter().all(|joint| joint.is_and) {
        let span = Span::new(unseen.span.end, unseen.span.end + blanks + 1);
        let is_close = !behind.get(blanks + 1..).is_some_and(|rest| rest.starts_with([' ', '\t']));
        draft.fix(Safety::Unsafe, [(span, if is_close { " && " } else { " &&" }.to_owned())]);
    }
}
