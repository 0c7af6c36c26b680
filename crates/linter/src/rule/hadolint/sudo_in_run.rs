//! # No sudo
//!
//! A build is root already, or is what USER says. sudo wants a terminal and passes signals on in its own way.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN sudo make install
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN make install
//! ```
//!
//! **Fix**: unsafe, where USER or the base image in the store says that root runs it: `sudo` is left out, and with it what it
//! does to the environment. Else none.

use lapstrake_parser::{InstructionKind, Safety, Severity, Span, Stage};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::run::Run;

pub(super) static RULE: Rule =
    Rule::hadolint("sudo-in-run", &["DL3004"], Severity::Error, Check::Script(check));

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    for command in run.commands(&["sudo"]) {
        let message = format!("`{}` has no place in a build", command.name());
        let draft = findings.add(command.name_span(), message);
        let draft = draft.help("leave it out, or set USER");
        let next = command.arguments().first().filter(|next| !next.text.starts_with('-'));
        if let Some(next) = next.filter(|_| !run.is_trigger && is_root(run)) {
            let sudo = Span::new(command.name_span().start, next.span.start);
            draft.fix(Safety::Unsafe, [(sudo, String::new())]);
        }
    }
}

/// True if root runs it, as far as the file and the base image say.
fn is_root(run: &Run<'_>) -> bool {
    let (subject, place) = (run.subject, run.instruction.span.start);
    let is_here = |one: &&Stage<'_>| one.instruction.span.start < place;
    let Some(stage) = subject.stages.iter().rev().find(is_here) else { return false };
    let own = stage.instructions.iter().rev().skip_while(|one| one.span.start >= place);
    let lineage = subject.lineage(stage);
    let above = lineage.iter().flat_map(|stage| stage.instructions.iter().rev());
    let user = own.chain(above).find_map(|one| match &one.kind {
        InstructionKind::User(word) => Some(word.as_str()),
        _ => None,
    });
    let base = subject.ground(stage).1.base.map(|base| base.config.user.as_str());
    let user = user.or(base).map(|user| user.split(':').next().unwrap_or_default());
    user.is_some_and(|user| matches!(user, "" | "root" | "0"))
}
