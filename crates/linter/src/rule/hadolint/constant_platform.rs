//! # FROM does not fix a platform
//!
//! A `--platform` that is the same for everybody builds the wrong image on other machines. This is
//! hadolint's form of FromPlatformFlagConstDisallowed.
//!
//! ```dockerfile
//! FROM --platform=linux/arm64 debian:12
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM --platform=$BUILDPLATFORM debian:12
//! ```
//!
//! **Fix**: unsafe: the flag is left out, and the image is for the machine that it is built for.

use lapstrake_parser::{Safety, Severity, Stage};

use crate::amend;
use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::hadolint("constant-platform", &["DL3029"], Severity::Warning, Check::Stage(check))
        .hadolint_only();

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    let Some(platform) = &stage.from.platform else { return };
    let text = platform.as_str();
    if !text.contains("BUILDPLATFORM") && !text.contains("TARGETPLATFORM") {
        let draft =
            findings.add(platform.span(), format!("`{text}` is the platform of every build"));
        let flag = stage.instruction.flag("platform").map(|flag| flag.span);
        draft.fix_all(Safety::Unsafe, flag.map(|flag| amend::leave_out(subject, flag)));
    }
}
