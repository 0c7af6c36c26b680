//! # COPY in place of ADD
//!
//! ADD unpacks archives and fetches URLs. For plain files COPY says what is meant, and does not
//! surprise when a file is an archive one day.
//!
//! ```dockerfile
//! FROM debian:12
//! ADD config /etc/app
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! COPY config /etc/app
//! ```
//!
//! **Fix**: safe where no source is a variable: it does the same.

use lapstrake_parser::{Instruction, InstructionKind, Safety, Severity, Source, Word};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::hadolint("add-of-files", &["DL3020"], Severity::Error, Check::Instruction(check));

fn check(_: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    let InstructionKind::Add(transfer) = &instruction.kind else { return };
    let paths = transfer.sources.iter().filter_map(|source| match source {
        Source::Path(word) => Some(word),
        Source::Heredoc { .. } => None,
    });
    let plain = paths.clone().find(|word| !is_for_add(word.as_str()));
    let Some(plain) = plain else { return };
    let draft = findings.add(plain.span(), "ADD of a plain file").help("use COPY");
    let is_known =
        |word: &Word| !is_for_add(word.as_str()) && !word.as_str().contains(['$', '*', '?', '[']);
    let has_own_flags =
        ["checksum", "keep-git-dir", "unpack"].iter().any(|name| instruction.flag(name).is_some());
    if paths.clone().all(is_known) && !has_own_flags {
        draft.fix(Safety::Safe, [(instruction.keyword().span, "COPY".to_owned())]);
    }
}

/// An archive, a URL or a repository.
fn is_for_add(source: &str) -> bool {
    let source = source.trim_matches(['"', '\'']);
    let is_remote = ["http://", "https://", "git://", "ssh://", "git@"];
    is_remote.iter().any(|start| source.starts_with(start))
        || ARCHIVES.iter().any(|ending| source.ends_with(ending))
}

const ARCHIVES: [&str; 15] = [
    ".tar", ".Z", ".bz2", ".gz", ".lz", ".lzma", ".tZ", ".tb2", ".tbz", ".tbz2", ".tgz", ".tlz",
    ".tpz", ".txz", ".xz",
];
