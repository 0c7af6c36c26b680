//! # Images are named by digest
//!
//! A tag is moved: the same file makes another image when the base has a new one. A digest names one image for good, and
//! tools such as Renovate keep it up to date. Looks at FROM, `COPY --from` and `RUN --mount=from=`. Where FROM has no tag, or
//! `latest`, DL3006 and DL3007 say so.
//!
//! ```dockerfile
//! FROM debian:12
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12@sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d
//! ```
//!
//! **Fix**: unsafe, where the image was pulled and is in the store: its digest is named, so that the image stays the one
//! that it is.

use lapstrake_parser::{Safety, Severity, Stage};

use crate::finding::Findings;
use crate::from::named;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::own("digest-pin", Severity::Info, Check::Stage(check)).strict();

const HELP: &str = "name the digest behind the tag: `…@sha256:…`";

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    base(subject, stage, findings);
    for (name, place) in stage.instructions.iter().flat_map(named) {
        let is_plain = !name.contains(['$', '@', '"', '\'']) && name.parse::<usize>().is_err();
        // Of a name without a tag it may be asked whether it is an image.
        let is_image = is_plain && name.contains(['/', ':']);
        if is_image && subject.stage_named(&name, stage.index).is_none() {
            findings.add(place, format!("`{name}` may be another image tomorrow")).help(HELP);
        }
    }
}

fn base(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    let image = &stage.from.image;
    let text = image.as_str();
    // A colon in front of a `/` is that of a port.
    let tag = text.rsplit('/').next().and_then(|last| last.split_once(':'));
    let is_tagged = tag.is_some_and(|(_, tag)| !tag.is_empty() && tag != "latest");
    let is_plain = !text.contains(['$', '@', '"', '\'']);
    if !is_tagged || !is_plain || subject.stage_named(text, stage.index).is_some() {
        return;
    }
    let draft = findings.add(image.span(), format!("`{text}` may be another image tomorrow"));
    match subject.known.stage(stage.index).digest {
        Some(digest) => draft
            .help(format!("name the digest; the one in the store is {digest}"))
            .fix(Safety::Unsafe, [(image.span(), format!("{text}@{digest}"))]),
        None => draft.help(HELP),
    };
}
