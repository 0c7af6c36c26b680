//! # A base image has a tag
//!
//! Without a tag it is `latest`: what that is changes under the build.
//!
//! ```dockerfile
//! FROM debian
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! ```
//!
//! **Fix**: none: which version is meant is for the author to say.

use lapstrake_parser::{Severity, Stage};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::hadolint("untagged-base", &["DL3006"], Severity::Warning, Check::Stage(check));

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    let image = &stage.from.image;
    let text = image.as_str();
    let name = text.rsplit('/').next().unwrap_or_default();
    let is_named = name.contains([':', '@']) || text.contains('@') || text.starts_with('$');
    if is_named || text == "scratch" || subject.stage_named(text, stage.index).is_some() {
        return;
    }
    let draft = findings.add(image.span(), format!("`{text}` is whatever `{text}:latest` is today"));
    draft.help("name a version");
}
