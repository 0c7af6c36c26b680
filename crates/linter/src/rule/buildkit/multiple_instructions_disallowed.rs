//! # One CMD, ENTRYPOINT and HEALTHCHECK in a stage
//!
//! Of several only the last one counts. The others are without effect, whatever they look like.
//!
//! ```dockerfile
//! FROM alpine
//! CMD ["first"]
//! CMD ["second"]
//! ```
//!
//! Take out all but the last:
//!
//! ```dockerfile
//! FROM alpine
//! CMD ["second"]
//! ```
//!
//! The finding is at the one without effect. A comment that silences it stands above the one that takes
//! its effect away.
//!
//! **Fix**: none, which one is meant is for the author to say.

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::walk::Step;

pub(super) static RULE: Rule = Rule::buildkit("MultipleInstructionsDisallowed", Check::Step(check));

fn check(step: &Step<'_>, findings: &mut Findings<'_>) {
    let keyword = step.instruction.kind.keyword();
    if let Some(voided) = step.state.voided(keyword) {
        let message =
            format!("this {} is without effect: a later one takes its place", keyword.name());
        findings
            .add(voided, message)
            .label(step.instruction.keyword().span, "only this one counts")
            .help("take out the one that is not meant");
    }
}
