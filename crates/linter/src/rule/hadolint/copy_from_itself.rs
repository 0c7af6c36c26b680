//! # A stage copies from others
//!
//! A stage cannot copy from itself: it is not there yet.
//!
//! ```dockerfile
//! FROM debian:12 AS me
//! COPY --from=me /a /b
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12 AS other
//! FROM debian:12 AS me
//! COPY --from=other /a /b
//! ```
//!
//! **Fix**: none: which stage is meant is for the author to say.

use lapstrake_parser::{Severity, Stage};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::hadolint("copy-from-itself", &["DL3023"], Severity::Error, Check::Stage(check));

fn check(_: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    let Some(name) = &stage.from.name else { return };
    for instruction in stage.instructions {
        let from = instruction.flag("from").and_then(|flag| flag.value.as_ref());
        let Some(from) = from.filter(|from| from.as_str() == &*name.value) else { continue };
        let draft = findings.add(from.span(), "the stage copies from itself");
        draft.label(name.span, "the stage is called so here");
    }
}
