//! # What runs does not belong to who runs it
//!
//! A program that its own user may write can be replaced by whoever breaks into it, and is still there at the next start. Looks at
//! COPY and ADD that give files to the user of the image, in the stage that is built.
//!
//! ```dockerfile
//! FROM debian:12
//! COPY --chown=app server /usr/local/bin/
//! USER app
//! CMD ["server"]
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! COPY server /usr/local/bin/
//! USER app
//! CMD ["server"]
//! ```
//!
//! **Fix**: none: the program may have to write there.

use lapstrake_parser::{InstructionKind, Keyword, Severity, Stage};

use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::own("executable-owned-by-runtime-user", Severity::Info, Check::Stage(check))
        .strict()
        .confident(Confidence::Medium);

/// Folders of programs and libraries, and of nothing else (FHS 3.0).
const PROGRAMS: [&str; 6] = ["/bin", "/sbin", "/lib", "/usr/bin", "/usr/local/bin", "/opt"];

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    if !subject.is_target(stage) {
        return;
    }
    let Some(last) = subject.last(stage, Keyword::User) else { return };
    let InstructionKind::User(user) = &last.kind else { return };
    let name = |text: &str| {
        text.trim_matches(['"', '\'']).split(':').next().unwrap_or_default().to_owned()
    };
    let runs_as = name(user.as_str());
    if runs_as.is_empty() || matches!(runs_as.as_str(), "root" | "0") {
        return;
    }
    for instruction in stage.instructions {
        let (InstructionKind::Copy(transfer) | InstructionKind::Add(transfer)) = &instruction.kind
        else {
            continue;
        };
        let owner = instruction.flag("chown").and_then(|flag| flag.value.as_ref());
        let Some(owner) = owner.filter(|owner| name(owner.as_str()) == runs_as) else { continue };
        let target = transfer.destination.as_str();
        let is_program = PROGRAMS.iter().any(|folder| {
            target.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        let mode = instruction.flag("chmod").and_then(|flag| flag.value.as_ref());
        let can_write = mode.is_none_or(|mode| !is_read_only(mode.as_str()));
        if is_program && can_write {
            let message = format!("`{runs_as}`, who runs this, may change it as well");
            let draft = findings
                .add(owner.span(), message)
                .label(user.span(), "the image runs as this user");
            draft.help("leave the files to root, or add `--chmod=555`");
        }
    }
}

/// True for an octal mode without the owner's right to write.
fn is_read_only(mode: &str) -> bool {
    u32::from_str_radix(mode, 8).is_ok_and(|bits| bits & 0o200 == 0)
}
