//! # Containers do not run as root
//!
//! What runs as root in a container is root for the kernel. Looks at who the image that is built really
//! runs as: the last USER, else the user of the base image if that is in the store, else root, which is
//! what `scratch` has.
//!
//! ```dockerfile
//! FROM debian:12
//! CMD ["server"]
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! USER 1000
//! CMD ["server"]
//! ```
//!
//! **Fix**: none: which user is meant is for the author to say.

use lapstrake_parser::{InstructionKind, Keyword, Severity, Stage};

use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::subject::Subject;
use crate::value::value;

pub(super) static RULE: Rule = Rule::own("effective-user", Severity::Warning, Check::Stage(check))
    .strict()
    .confident(Confidence::Medium);

const HELP: &str = "set another user last, by number";

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    if !subject.is_target(stage) {
        return;
    }
    if let Some(user) = subject.last(stage, Keyword::User) {
        let InstructionKind::User(word) = &user.kind else { return };
        let known = value(word, &subject.globals.values, subject.dockerfile.escape);
        let is_literal = known.as_ref().is_some_and(|known| !known.is_variable());
        if is_literal && known.is_some_and(|known| is_root(&known.text)) {
            findings.add(word.span(), "the image runs as root").help(HELP);
        }
        return;
    }
    let (ground, known) = subject.ground(stage);
    let image = &ground.from.image;
    if image.as_str() == "scratch" {
        findings.add(image.span(), "the image runs as root: no USER says otherwise").help(HELP);
    } else if let Some(base) = known.base.filter(|base| base.os != "windows") {
        let user = base.config.user.as_str();
        if user.is_empty() {
            let what = "the image runs as root: neither it nor its base image has a USER";
            findings.add(image.span(), what).help(HELP);
        } else if is_root(user) {
            let what = format!("the image runs as root: its base image has USER {user}");
            findings.add(image.span(), what).help(HELP);
        }
    }
}

fn is_root(user: &str) -> bool {
    let name = user.split(':').next().unwrap_or_default();
    name == "root" || (!name.is_empty() && name.bytes().all(|byte| byte == b'0'))
}
