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
//! **Fix**: none: what follows may count on the directory from before.

use lapstrake_parser::Severity;

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::run::Run;

pub(super) static RULE: Rule =
    Rule::hadolint("cd-in-run", &["DL3003"], Severity::Warning, Check::Script(check));

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    if run.is_trigger {
        return;
    }
    if let Some(command) = run.commands(&["cd"]).next() {
        let draft = findings.add(command.span(), "`cd` holds for this RUN only");
        draft.help("set the directory with WORKDIR");
    }
}
