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
use crate::rule::{Check, Confidence, Rule};
use crate::run::Run;
use crate::shell::{Command, Node, NodeKind};

pub(super) static RULE: Rule =
    Rule::shellcheck("find-to-xargs", &["SC2038"], Severity::Warning, Check::Script(check))
        .confident(Confidence::Medium);

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    for pipeline in run.pipelines() {
        for pair in pipeline.nodes.windows(2) {
            let [find, xargs] = pair else { continue };
            report(find, command(find, run), command(xargs, run), findings);
        }
    }
}

fn command<'s>(node: &Node, run: &Run<'s>) -> Option<&'s Command> {
    match node.kind {
        NodeKind::Simple(at) => run.script.commands.get(at),
        _ => None,
    }
}

fn report(
    node: &Node,
    find: Option<&Command>,
    xargs: Option<&Command>,
    findings: &mut Findings<'_>,
) {
    let (Some(find), Some(xargs)) = (find, xargs) else { return };
    if find.name() == "find" && xargs.name() == "xargs" && !keeps_names_whole(find, xargs) {
        let message = "`xargs` splits the names that this prints";
        let draft = findings.add(node.whole_span(), message);
        let draft = draft.label(xargs.name_span(), "at blanks");
        draft.help("use `find … -exec … +`, or `find … -print0 | xargs -0 …`");
    }
}

fn keeps_names_whole(find: &Command, xargs: &Command) -> bool {
    xargs.has_any_flag(&["0", "null"]) || find.has_any_argument(&["-print0", "-printf"])
}
