//! # Keys of labels have the usual form
//!
//! Docker asks for small letters, digits, `.` and `-`, beginning with a letter, and keeps some prefixes
//! for itself. Tools may not find others.
//!
//! ```dockerfile
//! FROM debian:12
//! LABEL Maintainer="me"
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! LABEL org.opencontainers.image.authors="me"
//! ```
//!
//! **Fix**: unsafe, where small letters are all that is wanted: others may read the label by its name. Else none.

use lapstrake_parser::{Instruction, InstructionKind, Safety, Severity};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::hadolint("label-key-form", &["DL3048"], Severity::Info, Check::Instruction(check));

fn check(_: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    let InstructionKind::Label(pairs) = &instruction.kind else { return };
    for key in pairs.iter().map(|pair| &pair.key) {
        let text = key.as_str().trim_matches(['"', '\'']);
        let Some(fault) = fault(text) else { continue };
        let draft = findings.add(key.span(), format!("the key `{text}` {fault}"));
        let small = text.to_lowercase();
        if small != text && self::fault(&small).is_none() {
            let draft = draft.help(format!("write `{small}`"));
            draft.fix(Safety::Unsafe, [(key.span(), key.as_str().to_lowercase())]);
        }
    }
}

fn fault(key: &str) -> Option<&'static str> {
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._/-".contains(c);
    let reserved = ["com.docker.", "io.docker.", "org.dockerproject."];
    if reserved.iter().any(|prefix| key.starts_with(prefix)) {
        Some("has a prefix that Docker keeps for itself")
    } else if key.contains("..") || key.contains("--") {
        Some("has two separators in a row")
    } else if !key.chars().all(is_allowed) {
        Some("has other than small letters, digits, `.`, `-`, `_` and `/`")
    } else if !key.starts_with(|c: char| c.is_ascii_lowercase()) {
        Some("does not begin with a letter")
    } else if !key.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()) {
        Some("does not end with a letter or digit")
    } else {
        None
    }
}
