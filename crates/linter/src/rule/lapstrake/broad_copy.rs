//! # COPY names what it takes
//!
//! `COPY . .` takes whatever is in the context: what should stay out has to be listed in `.dockerignore`, and each new file
//! is in the image until somebody thinks of it. Where an installer comes behind it, `cache-busting-copy` says what
//! that costs.
//!
//! ```dockerfile
//! FROM debian:12
//! COPY . /app
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! COPY src /app/src
//! ```
//!
//! **Fix**: none: what the image needs is for the author to say.

use lapstrake_parser::{Instruction, InstructionKind, Severity, Source};

use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule = Rule::own("broad-copy", Severity::Info, Check::Instruction(check))
    .strict()
    .confident(Confidence::Low);

fn check(_: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    let inner = match &instruction.kind {
        InstructionKind::Onbuild(onbuild) => onbuild.instruction.as_deref(),
        _ => Some(instruction),
    };
    let Some(instruction) = inner else { return };
    let (InstructionKind::Copy(transfer) | InstructionKind::Add(transfer)) = &instruction.kind
    else {
        return;
    };
    if instruction.flag("from").is_some() || instruction.flag("exclude").is_some() {
        return;
    }
    for source in &transfer.sources {
        let Source::Path(word) = source else { continue };
        if matches!(word.as_str(), "." | "./" | "/" | "*" | "./*" | "/*") {
            let draft = findings.add(word.span(), "this takes all of the context");
            draft.help("name the folders and files that the image needs");
        }
    }
}
