//! # No --platform for what is the default
//!
//! Each stage is for the platform that the image is for. `--platform=$TARGETPLATFORM` says that again.
//!
//! ```dockerfile
//! FROM --platform=$TARGETPLATFORM alpine
//! ```
//!
//! Leave it out:
//!
//! ```dockerfile
//! FROM alpine
//! ```
//!
//! **Fix**: safe.

use lapstrake_parser::{Instruction, Safety};

use crate::amend;
use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::buildkit("RedundantTargetPlatform", Check::Instruction(check)).alias(&["DL3065"]);

const TARGET: &str = "TARGETPLATFORM";

fn check(subject: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    let Some(platform) = instruction.from().and_then(|from| from.platform.as_ref()) else {
        return;
    };
    let Some(value) = subject.global_value(platform) else { return };
    let only_target = value.used.iter().all(|reference| reference.name == TARGET);
    let is_default = value.is_variable()
        && only_target
        && value.undefined.is_empty()
        && subject.globals.values.value(TARGET) == Some(&value.text);
    let Some(flag) = instruction.flag("platform").filter(|_| is_default) else { return };
    let message = format!("`{}` is the default", platform.as_str());
    findings
        .add(flag.span, message)
        .help("leave `--platform` out")
        .fix(Safety::Safe, [amend::leave_out(subject, flag.span)]);
}
