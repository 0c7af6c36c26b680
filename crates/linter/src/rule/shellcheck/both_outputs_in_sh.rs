//! # sh reads `&>` as two things
//!
//! bash sends both outputs to a file. For sh it is `&`, which leaves the command in the background, and `>`, which empties the file: the
//! RUN goes on at once.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN make &> /var/log/make
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN make > /var/log/make 2>&1
//! ```
//!
//! **Fix**: doubtful: the command is waited for then.

use lapstrake_parser::{Safety, Severity, Span};

use crate::dialect::ShellRun;
use crate::finding::Findings;
use crate::rule::{Check, Rule};

pub(super) static RULE: Rule =
    Rule::shellcheck("both-outputs-in-sh", &["SC3020"], Severity::Warning, Check::Shell(check));

fn check(run: &ShellRun<'_>, findings: &mut Findings<'_>) {
    for node in run.nodes_in_sh() {
        for redirection in node.redirections.iter().filter(|one| one.operator == "&>") {
            let span = redirection.span;
            let draft = findings.add(span, "sh leaves the command in the background");
            let operator = Span::new(span.start, span.start + "&>".len());
            let edits = [(operator, ">".to_owned()), (Span::point(span.end), " 2>&1".to_owned())];
            draft.help("write `> … 2>&1`").fix(Safety::Unsafe, edits);
        }
    }
}
