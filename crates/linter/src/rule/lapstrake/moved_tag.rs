//! # A digest is the one that the tag has
//!
//! An image that is named by tag and digest stays the one that it is; that the tag has moved on since shows nowhere. Looks at
//! the tags that the store has: what they stood for when they were pulled last. No registry is asked.
//!
//! ```dockerfile
//! FROM debian:12@sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d
//! ```
//!
//! Better, once `lap pull debian:12` brought another one:
//!
//! ```dockerfile
//! FROM debian:12@sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
//! ```
//!
//! **Fix**: unsafe: the digest of the store is named. The image is another one.

use lapstrake_parser::{Safety, Severity, Stage};

use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::own("moved-tag", Severity::Info, Check::Stage(check)).confident(Confidence::Medium);

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    let image = &stage.from.image;
    let Some(moved) = subject.known.stage(stage.index).moved else { return };
    let name = image.as_str().split('@').next().unwrap_or_default();
    let message = format!("`{name}` has moved: in the store it is {moved}");
    let draft = findings.add(image.span(), message);
    let draft = draft.help("look at what is new in it, and name that digest");
    if !image.as_str().contains(['$', '"', '\'']) {
        draft.fix(Safety::Unsafe, [(image.span(), format!("{name}@{moved}"))]);
    }
}
