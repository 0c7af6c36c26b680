//! # sh compares with one `=`
//!
//! `==` in tests is of bash; dash, which is /bin/sh in Debian and Ubuntu, ends the test with an error, and the condition is false.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN if [ "$(arch)" == x86_64 ]; then make; fi
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN if [ "$(arch)" = x86_64 ]; then make; fi
//! ```
//!
//! **Fix**: doubtful: where `==` is an error, the condition comes true from then on, and what is built changes.

use lapstrake_parser::{Safety, Severity};

use crate::dialect::ShellRun;
use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::shell::test::{Test, between_brackets};
use crate::shell::{Command, NodeKind, Script, ShellWord};

pub(super) static RULE: Rule =
    Rule::shellcheck("double-equals-in-sh", &["SC3014"], Severity::Warning, Check::Shell(check));

fn check(run: &ShellRun<'_>, findings: &mut Findings<'_>) {
    let script = run.run.script;
    for node in run.nodes_in_sh() {
        let Some(words) = tested(&node.kind, script) else { continue };
        let operators = Test::of(words).comparisons.into_iter().map(|[_, operator, _]| operator);
        for operator in operators.filter(|operator| operator.text == "==") {
            let draft = findings.add(operator.span, "`==` is not defined in sh");
            draft.help("write `=`").fix(Safety::Unsafe, [(operator.span, "=".to_owned())]);
        }
    }
}

/// What a test looks at.
fn tested<'s>(kind: &'s NodeKind, script: &'s Script) -> Option<&'s [ShellWord]> {
    let of_program = || match kind {
        NodeKind::Simple(at) => script.commands.get(*at).filter(|command| command.name() == "test"),
        _ => None,
    };
    between_brackets(kind, script).or_else(|| of_program().map(Command::arguments))
}
