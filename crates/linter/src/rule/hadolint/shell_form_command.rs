//! # CMD, ENTRYPOINT and health checks are JSON arrays
//!
//! A command that is plain text runs in a shell, which is process 1 and passes no signals on. This is
//! hadolint's rule: unlike JSONArgsRecommended it looks at health checks and takes no SHELL as meant.
//!
//! ```dockerfile
//! FROM debian:12
//! CMD my-program
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! CMD ["my-program"]
//! ```
//!
//! **Fix**: unsafe, and only for words without a meaning for the shell: the program becomes process 1.

use lapstrake_parser::{CommandForm, Instruction, InstructionKind, Safety, Severity};

use crate::exec_form::Line;
use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::hadolint("shell-form-command", &["DL3025"], Severity::Warning, Check::Instruction(check))
        .hadolint_only();

fn check(_: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    let form = match &instruction.kind {
        InstructionKind::Cmd(form) | InstructionKind::Entrypoint(form) => Some(form),
        InstructionKind::Healthcheck(check) => check.command.as_ref(),
        _ => None,
    };
    if let Some(CommandForm::Shell(text)) = form {
        let span = if text.as_str().is_empty() { instruction.span } else { text.span() };
        let draft = findings.add(span, "this command runs in a shell");
        match Line::new(text).array() {
            Some(array) => {
                draft.help(format!("write `{array}`")).fix(Safety::Unsafe, [(text.span(), array)])
            }
            None => draft.help("write an array: `[\"program\", \"argument\"]`"),
        };
    }
}
