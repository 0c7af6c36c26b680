//! # The last user is not root
//!
//! What runs as root in a container is root for the kernel.
//!
//! ```dockerfile
//! FROM debian:12
//! USER root
//! CMD ["server"]
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! USER root
//! RUN install-server
//! USER 1000
//! CMD ["server"]
//! ```
//!
//! **Fix**: none: which user is meant is for the author to say.

use lapstrake_parser::{InstructionKind, Severity, Stage};

use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::hadolint("last-user-root", &["DL3002"], Severity::Warning, Check::Stage(check))
        .hadolint_only()
        .confident(Confidence::Medium);

fn check(_: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    let mut users = stage.instructions.iter().filter_map(|instruction| match &instruction.kind {
        InstructionKind::User(user) => Some(user),
        _ => None,
    });
    let Some(user) = users.next_back() else { return };
    let name = user.as_str().split(':').next().unwrap_or_default();
    if matches!(name, "root" | "0") {
        findings.add(user.span(), "the stage ends as root").help("set another user last");
    }
}
