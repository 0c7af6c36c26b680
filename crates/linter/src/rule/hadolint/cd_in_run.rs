//! # WORKDIR in place of cd
//!
//! `cd` holds for the rest of its RUN only, and hides where files go. WORKDIR holds for all that
//! follows.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN cd /opt && ./build
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! WORKDIR /opt
//! RUN ./build
//! ```
//!
//! **Fix**: unsafe, for a RUN that begins with `cd /path &&`: what follows in the stage, and the image, have the directory
//! as well. Else none.

use lapstrake_parser::{Safety, Severity, Span};

use crate::amend;
use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::run::Run;
use crate::shell::NodeKind;

pub(super) static RULE: Rule =
    Rule::hadolint("cd-in-run", &["DL3003"], Severity::Warning, Check::Script(check))
        .confident(Confidence::Low);

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    if run.is_trigger {
        return;
    }
    if let Some(command) = run.commands(&["cd"]).next() {
        let draft = findings.add(command.span(), "`cd` holds for this RUN only");
        let draft = draft.help("set the directory with WORKDIR");
        draft.fix_all(Safety::Unsafe, as_workdir(run).into_iter().flatten());
    }
}

/// The edits that put `cd /path &&` at the beginning of a RUN into a WORKDIR.
fn as_workdir(run: &Run<'_>) -> Option<[(Span, String); 2]> {
    let [part] = run.script.parts.as_slice() else { return None };
    let chain = part.list.chains.first().filter(|_| part.heredoc.is_none())?;
    let [first, second, ..] = chain.pipelines.as_slice() else { return None };
    let ([node], Some(behind)) = (first.nodes.as_slice(), second.nodes.first()) else {
        return None;
    };
    let NodeKind::Simple(number) = node.kind else { return None };
    let command = run.script.commands.get(number).filter(|one| one.name() == "cd")?;
    let [path] = command.words.get(1..)? else { return None };
    let text = run.subject.source.get(path.span.range())?;
    let is_plain = text.starts_with('/') && text == path.text && path.is_literal;
    let is_alone = command.assignments.is_empty() && node.redirections.is_empty();
    let is_bare = second.bang.is_none() && !text.contains(['*', '?', '[', '{', '~']);
    if !is_plain || !is_alone || !is_bare || !chain.joints.first()?.is_and {
        return None;
    }
    let cd = Span::new(command.span().start, behind.span.start);
    let workdir = amend::put_above(run.subject, run.instruction, &format!("WORKDIR {text}"))?;
    Some([workdir, (cd, String::new())])
}
