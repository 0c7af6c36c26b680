//! # Instructions of the base image are seen
//!
//! What a base image has behind ONBUILD runs behind FROM, and stands in no line of the Dockerfile. The next
//! version of that image may say something else. Looks if the base image is in the store.
//!
//! ```dockerfile
//! FROM node:onbuild
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM node:22
//! COPY package*.json ./
//! RUN npm ci
//! COPY . .
//! ```
//!
//! **Fix**: none: what is to be kept of it is for the author to say.

use lapstrake_parser::{Severity, Stage};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::own("inherited-triggers", Severity::Info, Check::Stage(check)).strict();

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    let Some(base) = subject.known.stage(stage.index).base else { return };
    let triggers = &base.config.on_build;
    let what = match triggers.len() {
        0 => return,
        1 => "an instruction of the base image runs".to_owned(),
        count => format!("{count} instructions of the base image run"),
    };
    let list: Vec<String> = triggers.iter().map(|one| format!("`{}`", one.trim())).collect();
    let draft = findings.add(stage.from.image.span(), format!("{what} here"));
    draft.help(format!("behind ONBUILD it has {}", list.join(", ")));
}
