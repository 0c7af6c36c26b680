//! # FROM --platform is not fixed
//!
//! A stage with a fixed platform is for that platform whatever the build is for. Where that is meant,
//! the name of the stage can say so: with the system or the architecture in it, it is left alone.
//!
//! ```dockerfile
//! FROM --platform=linux/amd64 golang AS build
//! ```
//!
//! Build on what the machine is, or leave the platform to the build:
//!
//! ```dockerfile
//! FROM --platform=$BUILDPLATFORM golang AS build
//! ```
//!
//! **Fix**: none, the image would be another one.

use lapstrake_oci::Platform;
use lapstrake_parser::Instruction;

use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::buildkit("FromPlatformFlagConstDisallowed", Check::Instruction(check))
        .confident(Confidence::Medium);

fn check(subject: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    let Some(from) = instruction.from() else { return };
    let Some(word) = &from.platform else { return };
    let Some(value) = subject.global_value(word).filter(|value| !value.is_variable()) else {
        return;
    };
    let Ok(platform) = Platform::parse(&value.text) else { return };
    let name = from.name.as_ref().map(|name| name.value.to_lowercase()).unwrap_or_default();
    if name.contains(&platform.os) || name.contains(&platform.architecture) {
        return;
    }
    findings
        .add(word.span(), format!("the stage is for `{}` whatever the build is for", value.text))
        .help("write `$BUILDPLATFORM`, leave it out, or name the stage after the platform");
}
