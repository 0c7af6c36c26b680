//! # A stage that only --target builds
//!
//! No other stage takes anything from this one, and it is not the last: it is built when it is named, by `--target` or by
//! another tool, and else not at all. Compose files, `docker-bake.json` and workflows of GitHub that name it count. A fault in it, or that nobody needs it any more, shows to nobody.
//!
//! ```dockerfile
//! FROM debian:12 AS test
//! RUN make test
//! FROM debian:12
//! RUN make install
//! ```
//!
//! Better, where the test has to pass before there is an image:
//!
//! ```dockerfile
//! FROM debian:12 AS test
//! RUN make test && touch /passed
//! FROM debian:12
//! COPY --from=test /passed /
//! RUN make install
//! ```
//!
//! **Fix**: none: whether something names the stage is not known.

use lapstrake_parser::{Severity, Stage};

use crate::finding::Findings;
use crate::from::needed;
use crate::rule::{Check, Confidence, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule = Rule::own("unreached-stage", Severity::Info, Check::Stage(check))
    .strict()
    .confident(Confidence::Medium);

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    // All at once, at the turn of the first.
    if stage.index != 0 {
        return;
    }
    let needed = needed(subject, |_| true);
    for stage in &subject.stages {
        let Some(name) = &stage.from.name else { continue };
        let is_built = subject.is_target(stage) || subject.is_called(stage);
        if !is_built && !needed.contains(&stage.index) {
            let message = format!("only `--target {}` builds this stage", name.value);
            findings.add(name.span, message).help("leave it out if nothing names it");
        }
    }
}
