//! # `a && b || c` is no if-then-else
//!
//! `c` runs when `b` fails, too, not only when `a` does.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN test -e /x && make || ./configure
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN if test -e /x; then make; else ./configure; fi
//! ```
//!
//! **Fix**: none: which of the two is meant is for the author to say.

use lapstrake_parser::Severity;

use crate::dialect::ShellRun;
use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::shell::tree::{Chain, Pipeline};
use crate::shell::{NodeKind, Script};

pub(super) static RULE: Rule =
    Rule::shellcheck("and-or-is-no-if", &["SC2015"], Severity::Info, Check::Shell(check))
        .confident(Confidence::Medium);

/// Commands that are written there to say something, or to end it.
const LAST_WORDS: [&str; 6] = [":", "echo", "exit", "printf", "return", "true"];

fn check(run: &ShellRun<'_>, findings: &mut Findings<'_>) {
    for (chain, standing) in run.texts().flat_map(|(text, _)| &text.chains) {
        if standing.is_condition || !reads_like_if(chain, run.run.script) {
            continue;
        }
        let and = chain.joints.iter().rev().nth(1);
        let and = and.map_or_else(Default::default, |joint| joint.span);
        findings.add(and, "what is behind `||` runs when this fails, too").help("write `if`");
    }
}

fn reads_like_if(chain: &Chain, script: &Script) -> bool {
    let [.., and, or] = chain.joints.as_slice() else { return false };
    let [.., then, otherwise] = chain.pipelines.as_slice() else { return false };
    and.is_and && !or.is_and && !is_test(then, script) && !is_fine(otherwise, script)
}

fn name<'s>(pipeline: &Pipeline, script: &'s Script) -> Option<&'s str> {
    match pipeline.nodes.as_slice() {
        [node] => match node.kind {
            NodeKind::Simple(at) => script.commands.get(at).map(|command| command.name()),
            _ => None,
        },
        _ => None,
    }
}

fn is_test(pipeline: &Pipeline, script: &Script) -> bool {
    let is_double =
        matches!(pipeline.nodes.as_slice(), [node] if matches!(node.kind, NodeKind::Test(_)));
    is_double || name(pipeline, script).is_some_and(|name| matches!(name, "[" | "test"))
}

fn is_fine(pipeline: &Pipeline, script: &Script) -> bool {
    let sets = matches!(pipeline.nodes.as_slice(), [node] if matches!(node.kind, NodeKind::Assignments(_)));
    let name = name(pipeline, script).and_then(|name| name.rsplit('/').next());
    sets || pipeline.bang.is_some() || name.is_some_and(|name| LAST_WORDS.contains(&name))
}
