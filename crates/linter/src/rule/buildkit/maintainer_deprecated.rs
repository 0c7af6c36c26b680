//! # A label in place of MAINTAINER
//!
//! MAINTAINER has been on its way out since 2017. What it sets, the image's author, few tools show. A
//! label can hold it, and everything else about an image.
//!
//! ```dockerfile
//! FROM alpine
//! MAINTAINER moby@example.com
//! ```
//!
//! Use the label that is made for it:
//!
//! ```dockerfile
//! FROM alpine
//! LABEL org.opencontainers.image.authors="moby@example.com"
//! ```
//!
//! **Fix**: safe but for the field `author` of the image, which is no longer set.

use lapstrake_parser::{Instruction, InstructionKind, Safety, Word};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::buildkit("MaintainerDeprecated", Check::Instruction(check)).alias(&["DL4000"]);

const LABEL: &str = "org.opencontainers.image.authors";

fn check(_: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    let InstructionKind::Maintainer(author) = &instruction.kind else { return };
    let draft = findings.add(instruction.keyword().span, "MAINTAINER is deprecated");
    let text = label(author);
    let draft = draft.help(format!("write `{text}`"));
    draft.fix(Safety::Safe, [(instruction.keyword().span.cover(author.span()), text)]);
}

fn label(author: &Word) -> String {
    let text = author.as_str();
    let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let mut quoted = String::with_capacity(bare.len());
    for letter in bare.chars() {
        if matches!(letter, '"' | '\\' | '$') {
            quoted.push('\\');
        }
        quoted.push(letter);
    }
    format!("LABEL {LABEL}=\"{quoted}\"")
}
