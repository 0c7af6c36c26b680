//! # COPY to a known place
//!
//! A relative destination counts from the working directory, here the one of the base image, which its
//! next version may change.
//!
//! ```dockerfile
//! FROM debian:12
//! COPY app.py app/
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! WORKDIR /srv
//! COPY app.py app/
//! ```
//!
//! **Fix**: safe where the base image is in the store: the path that it stands for is written down. Else none:
//! what is meant is for the author to say.

use lapstrake_oci::ImageConfig;
use lapstrake_parser::{Instruction, InstructionKind, Safety, Severity, Stage};

use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::hadolint("copy-without-workdir", &["DL3045"], Severity::Warning, Check::Stage(check))
        .confident(Confidence::Medium);

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    let is_workdir = |one: &Instruction| matches!(one.kind, InstructionKind::Workdir(_));
    let mut has_workdir =
        subject.lineage(stage).iter().any(|base| base.instructions.iter().any(is_workdir));
    for instruction in stage.instructions {
        has_workdir = has_workdir || is_workdir(instruction);
        let InstructionKind::Copy(transfer) = &instruction.kind else { continue };
        let text = transfer.destination.as_str().trim_matches(['"', '\'']);
        let has_drive = text.get(1..2) == Some(":");
        if !has_workdir && !text.starts_with(['/', '$']) && !has_drive {
            let message = format!("`{text}` counts from the base image's directory");
            let draft = findings.add(transfer.destination.span(), message);
            match subject.ground(stage).1.base.and_then(|base| absolute(base, text)) {
                // Only a word that is written as it is read.
                Some(path)
                    if text == transfer.destination.as_str() && !text.contains(['$', '\\']) =>
                {
                    draft
                        .help(format!(
                            "of the image in the store that is `{path}`; set WORKDIR before"
                        ))
                        .fix(Safety::Safe, [(transfer.destination.span(), path)])
                }
                _ => draft.help("set WORKDIR before"),
            };
        }
    }
}

/// What a relative path stands for; a slash at its end stays.
fn absolute(base: &ImageConfig, path: &str) -> Option<String> {
    let directory = base.config.working_dir.trim_end_matches('/');
    let is_known = base.os != "windows" && (directory.is_empty() || directory.starts_with('/'));
    let path = match path {
        "." => "",
        path => path.strip_prefix("./").unwrap_or(path),
    };
    is_known.then(|| format!("{directory}/{path}"))
}
