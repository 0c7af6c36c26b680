//! # No stage is named like something built in
//!
//! `scratch` is the empty image and `context` the build context. A stage of such a name can be
//! defined and then not, or not surely, be used.
//!
//! ```dockerfile
//! FROM alpine AS scratch
//! ```
//!
//! Choose another name:
//!
//! ```dockerfile
//! FROM alpine AS tools
//! ```
//!
//! **Fix**: none.

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::buildkit("ReservedStageName", Check::File(check)).alias(&["DL3063"]);

const RESERVED: [&str; 2] = ["context", "scratch"];

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    for name in subject.stages.iter().filter_map(|stage| stage.from.name.as_ref()) {
        if RESERVED.iter().any(|reserved| name.value.eq_ignore_ascii_case(reserved)) {
            let message = format!("`{}` is a reserved name", name.value);
            findings.add(name.span, message).help("give the stage another name");
        }
    }
}
