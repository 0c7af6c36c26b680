//! # Not a whole root file system is copied
//!
//! `COPY --from=… / /` copies all that the other stage has, the build tools included, into one layer.
//!
//! ```dockerfile
//! FROM debian:12 AS build
//! FROM scratch
//! COPY --from=build / /
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12 AS build
//! FROM scratch
//! COPY --from=build /app /app
//! ```
//!
//! **Fix**: none: what is needed is for the author to say.

use lapstrake_parser::{Instruction, InstructionKind, Severity};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::hadolint("copy-of-everything", &["DL3067"], Severity::Warning, Check::Instruction(check));

fn check(_: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    let InstructionKind::Copy(transfer) = &instruction.kind else { return };
    if instruction.flag("from").is_none() || transfer.destination.as_str() != "/" {
        return;
    }
    if let Some(source) = transfer.sources.iter().find(|source| source.word().as_str() == "/") {
        let draft = findings.add(source.word().span(), "the whole root file system is copied");
        draft.help("copy what is needed, or start FROM the stage");
    }
}
