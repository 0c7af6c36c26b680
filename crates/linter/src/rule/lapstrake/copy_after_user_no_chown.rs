//! # COPY does not heed USER
//!
//! What COPY and ADD put into the image belongs to root, whatever USER says above. The user of the RUNs can read it, but not change
//! it: package managers that write beside their manifests fail, or the author adds a `chmod 777`.
//!
//! ```dockerfile
//! FROM node:22
//! USER node
//! COPY package.json /app/
//! RUN cd /app && npm install
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM node:22
//! USER node
//! COPY --chown=node package.json /app/
//! RUN cd /app && npm install
//! ```
//!
//! **Fix**: unsafe: `--chown` with what USER says.

use lapstrake_parser::{InstructionKind, Safety, Severity, Span, Stage};

use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::own("copy-after-user-no-chown", Severity::Info, Check::Stage(check))
        .strict()
        .confident(Confidence::Medium);

fn check(_: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    // A copy counts if something runs behind it as that user.
    let is_run = |kind: &InstructionKind| matches!(kind, InstructionKind::Run(_));
    let last_run = stage.instructions.iter().rposition(|one| is_run(&one.kind)).unwrap_or(0);
    let mut user = None;
    for instruction in stage.instructions.iter().take(last_run) {
        match &instruction.kind {
            InstructionKind::User(word) => user = Some(word),
            InstructionKind::Copy(_) | InstructionKind::Add(_) => {
                let Some(user) = user.filter(|user| is_somebody(user.as_str())) else { continue };
                if instruction.flag("chown").is_some() || instruction.flag("chmod").is_some() {
                    continue;
                }
                let keyword = instruction.keyword().span;
                let message =
                    format!("what this brings belongs to root, not to `{}`", user.as_str());
                let draft =
                    findings.add(keyword, message).label(user.span(), "this is for RUN alone");
                let flag = format!("--chown={}", user.as_str());
                let draft = draft.help(format!("if that user is to change it, add `{flag}`"));
                // A linked layer has no list of users to find a name in.
                let is_number = user.as_str().starts_with(|c: char| c.is_ascii_digit());
                if is_number || instruction.flag("link").is_none() {
                    draft.fix(Safety::Unsafe, [(Span::point(keyword.end), format!(" {flag}"))]);
                }
            }
            _ => {}
        }
    }
}

/// True for a user that is written down, and not root.
fn is_somebody(user: &str) -> bool {
    let name = user.split(':').next().unwrap_or_default();
    let is_root = name == "root" || name.bytes().all(|byte| byte == b'0');
    // Windows knows no owners of this kind.
    let is_of_windows = name.to_ascii_lowercase().starts_with("container");
    !is_root && !is_of_windows && !user.contains(['$', '"', '\'', '\\'])
}
