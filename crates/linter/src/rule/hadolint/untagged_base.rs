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
//! **Fix**: unsafe, where the image was pulled and is in the store: its digest is named, so that the image stays the
//! one that it is. Else none: which version is meant is for the author to say.

use lapstrake_parser::{Safety, Severity, Stage};

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
    let draft =
        findings.add(image.span(), format!("`{text}` is whatever `{text}:latest` is today"));
    match subject.known.stage(stage.index).digest {
        Some(digest) => draft
            .help(format!("name a version; the one in the store is {digest}"))
            .fix(Safety::Unsafe, [(image.span(), format!("{text}:latest@{digest}"))]),
        None => draft.help("name a version"),
    };
}
