//! # A mounted secret is for one user
//!
//! `mode` of a secret or ssh mount that lets group or others read it gives it to each process of the RUN, those of
//! other users as well. Without it only its owner may read it (0400; ssh 0600), and `uid` names who that is.
//!
//! ```dockerfile
//! FROM debian:12
//! USER 1000
//! RUN --mount=type=secret,id=token,mode=0444 make
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! USER 1000
//! RUN --mount=type=secret,id=token,uid=1000 make
//! ```
//!
//! **Fix**: none: who is to read it is for the author to say.

use lapstrake_parser::{Instruction, InstructionKind, Severity, mount};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::own("secret-mount-mode", Severity::Warning, Check::Instruction(check)).strict();

/// What group and others have.
const OTHERS: u32 = 0o077;

fn check(_: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    let inner = match &instruction.kind {
        InstructionKind::Onbuild(onbuild) => onbuild.instruction.as_deref(),
        _ => Some(instruction),
    };
    let Some(instruction) = inner else { return };
    for word in instruction.flags_named("mount").filter_map(|flag| flag.value.as_ref()) {
        let option = |name: &str| mount::option(word.as_str(), &[name]);
        let is_secret =
            option("type").is_some_and(|(kind, _)| matches!(kind.as_str(), "secret" | "ssh"));
        let Some((mode, range)) = option("mode").filter(|_| is_secret) else { continue };
        let bits = u32::from_str_radix(mode.trim_start_matches("0o"), 8);
        if bits.is_ok_and(|bits| bits & OTHERS != 0) {
            let draft =
                findings.add(word.span_of(range), "others than its owner can read this secret");
            draft.help("leave the mode out, and name the owner: `uid=…`");
        }
    }
}
