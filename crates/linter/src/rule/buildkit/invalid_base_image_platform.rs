//! # Base images are for the platform of the build
//!
//! A registry may answer with an image for another machine when it has none for the one that was asked
//! for. Its programs then run in an emulator, or not at all.
//!
//! ```dockerfile
//! FROM image-for-amd64-only
//! ```
//!
//! Take an image that exists for the platform, or say that the other one is meant:
//!
//! ```dockerfile
//! FROM --platform=linux/amd64 image-for-amd64-only
//! ```
//!
//! **Fix**: none.

use lapstrake_oci::Platform;
use lapstrake_parser::Stage;

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule = Rule::buildkit("InvalidBaseImagePlatform", Check::File(check));

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for stage in &subject.stages {
        let known = subject.known.stage(stage.index);
        let Some(image) = known.base.filter(|_| known.needed) else { continue };
        let wanted = wanted(subject, stage);
        if (image.os.as_str(), image.architecture.as_str())
            == (wanted.os.as_str(), wanted.architecture.as_str())
        {
            continue;
        }
        let is = Platform::new(&image.os, &image.architecture, &image.variant);
        let word = &stage.from.image;
        let message = format!("the image `{}` is for {is}, the build for {wanted}", word.as_str());
        let help = format!("take an image for {wanted}, or write `--platform={is}`");
        findings.add(word.span(), message).help(help);
    }
}

/// What the stage is built for.
fn wanted(subject: &Subject<'_>, stage: &Stage<'_>) -> Platform {
    let written = stage.from.platform.as_ref().and_then(|word| subject.global_value(word));
    let written = written.and_then(|value| Platform::parse(&value.text).ok());
    written.unwrap_or_else(|| subject.known.platform.clone())
}
