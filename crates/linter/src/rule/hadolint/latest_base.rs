//! # A base image has a version
//!
//! What `latest` is changes under the build.
//!
//! ```dockerfile
//! FROM debian:latest
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
    Rule::hadolint("latest-base", &["DL3007"], Severity::Warning, Check::Stage(check));

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    let image = &stage.from.image;
    let Some(name) = image.as_str().strip_suffix(":latest") else { return };
    let start = name.len();
    let draft =
        findings.add(image.span_of(start..image.as_str().len()), "what `latest` is changes");
    match subject.known.stage(stage.index).digest.filter(|_| !name.contains('$')) {
        Some(digest) => draft
            .help(format!("name a version; the one in the store is {digest}"))
            .fix(Safety::Unsafe, [(image.span(), format!("{}@{digest}", image.as_str()))]),
        None => draft.help("name a version"),
    };
}
