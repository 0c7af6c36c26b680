//! # The first WORKDIR is absolute
//!
//! A relative WORKDIR counts from the one before it. The first one of a file counts from that of the
//! base image, which the next version of that image may change.
//!
//! ```dockerfile
//! FROM nginx
//! WORKDIR html
//! ```
//!
//! Say where it is:
//!
//! ```dockerfile
//! FROM nginx
//! WORKDIR /usr/share/nginx/html
//! ```
//!
//! **Fix**: safe where the base image is in the store: the path that it comes to there is written down. Else none: what is
//! meant is for the author to say.

use lapstrake_parser::{InstructionKind, Safety};

use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::value::value;
use crate::walk::Step;

pub(super) static RULE: Rule =
    Rule::buildkit("WorkdirRelativePath", Check::Step(check)).confident(Confidence::Medium);

fn check(step: &Step<'_>, findings: &mut Findings<'_>) {
    let InstructionKind::Workdir(path) = &step.instruction.kind else { return };
    if step.state.has_workdir {
        return;
    }
    let escape = step.subject.dockerfile.escape;
    let Some(value) = value(path, &step.state.environment, escape) else { return };
    // The image may set it, to an absolute path.
    let is_declared = |name: &str| step.state.declared.iter().any(|declared| declared == name);
    if !step.state.base_is_known && value.undefined.iter().any(|one| !is_declared(&one.name)) {
        return;
    }
    if !is_absolute(&value.text, step.state.has_drives) {
        let message = format!("`{}` counts from the base image's directory", value.text);
        let directory = step.state.directory.as_deref().unwrap_or_default();
        let help = "write an absolute path: it begins with `/`";
        let help = match directory.starts_with('/') && !step.state.has_drives {
            false => help.to_owned(),
            true => format!("{help}; of the image in the store the directory is {directory}"),
        };
        let draft = findings.add(path.span(), message).help(help);
        let is_plain = path.as_str() == value.text && !value.text.contains([' ', '"', '\'', '\\']);
        if is_plain && directory.starts_with('/') && !step.state.has_drives {
            let whole = format!("{}/{}", directory.trim_end_matches('/'), value.text);
            draft.fix(Safety::Safe, [(path.span(), whole)]);
        }
    }
}

/// On Windows a path may begin with the letter of a drive, and have slashes of either kind.
fn is_absolute(path: &str, has_drives: bool) -> bool {
    let without_drive = match path.as_bytes() {
        [letter, b':', rest @ ..] if has_drives && letter.is_ascii_alphabetic() => rest,
        path => path,
    };
    without_drive.starts_with(b"/") || (has_drives && without_drive.starts_with(b"\\"))
}
