//! # xargs splits names at blanks
//!
//! find prints a name a line, xargs splits at blanks and takes quotes away: a name with either becomes others.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN find /srv -name '*.pyc' | xargs rm -f
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN find /srv -name '*.pyc' -exec rm -f {} +
//! ```
//!
//! **Fix**: none: an `-exec` or `-print0` has to stand in its place among the tests of find.

use lapstrake_parser::Severity;

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::run::Run;
use crate::shell::Command;

pub(super) static RULE: Rule =
    Rule::shellcheck("find-to-xargs", &["SC2038"], Severity::Warning, Check::Script(check));

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    for (at, find) in run.numbered(&["find"]) {
        let Some(xargs) = run.script.commands.get(at + 1).filter(|next| next.name() == "xargs") else {
            continue;
        };
        let (from, to) = (find.span().end, xargs.name_span().start);
        let is_piped = run.script.pipes.iter().any(|pipe| from <= pipe.start && pipe.end <= to);
        if is_piped && !keeps_names_whole(find, xargs) {
            let draft = findings.add(xargs.name_span(), "`xargs` splits the names that `find` prints");
            draft.help("use `find … -exec … +`, or `find … -print0 | xargs -0 …`");
        }
    }
}

fn keeps_names_whole(find: &Command, xargs: &Command) -> bool {
    xargs.has_any_flag(&["0", "null"]) || find.has_any_argument(&["-print0", "-printf"])
}
