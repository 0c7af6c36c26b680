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
//! **Fix**: safe: the one that does nothing is taken out, and only the image's history tells. None below a comment that
//! silences rules, which would then be about what follows.

use lapstrake_parser::Safety;

use crate::amend;
use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::walk::Step;

pub(super) static RULE: Rule = Rule::buildkit("MultipleInstructionsDisallowed", Check::Step(check));

fn check(step: &Step<'_>, findings: &mut Findings<'_>) {
    let keyword = step.instruction.kind.keyword();
    if let Some(voided) = step.state.voided(keyword) {
        let message =
            format!("this {} is without effect: a later one takes its place", keyword.name());
        let draft = findings
            .add(voided, message)
            .label(step.instruction.keyword().span, "only this one counts")
            .help("take out the one that is not meant");
        let all = &step.subject.dockerfile.instructions;
        let behind = all.partition_point(|one| one.span.start <= voided.start);
        let earlier = behind.checked_sub(1).and_then(|at| all.get(at));
        let earlier = earlier.filter(|one| one.keyword().span == voided);
        draft.fix_all(
            Safety::Safe,
            earlier.and_then(|earlier| amend::take_out(step.subject, earlier)),
        );
    }
}
