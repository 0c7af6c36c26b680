//! # CMD and ENTRYPOINT are JSON arrays
//!
//! A command that is plain text runs as `/bin/sh -c "…"`. Then the shell is process 1: most shells
//! pass no signals on, so `docker stop` waits ten seconds and kills. Where the file or the base image
//! sets a SHELL, the shell is taken to be meant. The presets `recommended` and `strict` leave out `exec …`, where the program
//! takes the shell's place, and a CMD that needs its variables and is nothing else.
//!
//! ```dockerfile
//! FROM alpine
//! ENTRYPOINT my-program --now
//! ```
//!
//! Write an array, with double quotes:
//!
//! ```dockerfile
//! FROM alpine
//! ENTRYPOINT ["my-program", "--now"]
//! ```
//!
//! **Fix**: unsafe, and only for words without a meaning for the shell: the program becomes process 1.

use lapstrake_parser::{CommandForm, InstructionKind, Safety};

use crate::exec_form::Line;
use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::walk::Step;

pub(super) static RULE: Rule =
    Rule::buildkit("JSONArgsRecommended", Check::Step(check)).confident(Confidence::Medium);

fn check(step: &Step<'_>, findings: &mut Findings<'_>) {
    let (InstructionKind::Cmd(form) | InstructionKind::Entrypoint(form)) = &step.instruction.kind
    else {
        return;
    };
    let CommandForm::Shell(command) = form else { return };
    if step.state.has_shell {
        return;
    }
    let name = step.instruction.kind.keyword().name();
    let span = if command.as_str().is_empty() { step.instruction.span } else { command.span() };
    let draft = findings.add(span, format!("{name} runs in a shell, which passes no signals on"));
    if command.as_str().starts_with('[') {
        draft.help("this is no JSON array: its elements are texts in double quotes");
        return;
    }
    let line = Line::new(command);
    let is_cmd = matches!(step.instruction.kind, InstructionKind::Cmd(_));
    let draft = draft.unless(line.replaces_shell() || (is_cmd && line.needs_variables()));
    match line.array() {
        Some(array) => {
            let draft = draft.help(format!("write `{name} {array}`"));
            draft.fix(Safety::Unsafe, [(command.span(), array)]);
        }
        None if line.needs_variables() => {
            draft.help(format!(
                "write it like `{name} exec …`: the program takes the shell's place"
            ));
        }
        None => {
            draft.help(format!("write it like `{name} [\"program\", \"argument\"]`, or set SHELL"));
        }
    }
}
