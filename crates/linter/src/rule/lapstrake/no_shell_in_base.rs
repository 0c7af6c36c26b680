//! # There is a shell for what is in shell form
//!
//! RUN, CMD, ENTRYPOINT and HEALTHCHECK in shell form run `/bin/sh -c`, or what SHELL says. Where the root
//! file system has no such program, as on `scratch` and on distroless images, they fail: RUN in the build, the
//! others when the container starts. Looks at `scratch`, and at base images that are in the store, as long as
//! nothing in between could have brought a shell.
//!
//! ```dockerfile
//! FROM gcr.io/distroless/static
//! COPY server /
//! CMD /server --port 80
//! ```
//!
//! Write it in exec form:
//!
//! ```dockerfile
//! FROM gcr.io/distroless/static
//! COPY server /
//! CMD ["/server", "--port", "80"]
//! ```
//!
//! **Fix**: none: what the shell was to do with the text is not known.

use lapstrake_parser::{CommandForm, Instruction, InstructionKind, Severity, Span, Stage};

use crate::finding::Findings;
use crate::root::{Found, Root};
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule = Rule::own("no-shell-in-base", Severity::Error, Check::Stage(check));

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    let is_run = |one: &Instruction| matches!(one.kind, InstructionKind::Run(_));
    let counts = |one: &&Instruction| is_run(one) || subject.is_target(stage);
    let mut forms = stage.instructions.iter().filter(counts);
    let lines = forms.by_ref().filter_map(|one| Some((one, shell_form(one)?)));
    for (instruction, place) in lines {
        let shell = subject.shell_before(stage, instruction);
        let Some(root) = Root::before(subject, stage, Some(instruction)) else { return };
        if shell.starts_with('/') && matches!(root.find(shell), Found::Absent) {
            let help = match is_run(instruction) {
                true => "bring one with COPY, or run it in another stage",
                false => "write it in exec form, a JSON array of the program and its arguments",
            };
            let image = subject.ground(stage).0.from.image.span();
            let draft = findings.add(place, format!("there is no `{shell}` to run this"));
            draft.help(help).label(image, "it is not in this image");
        }
        // What follows a RUN follows what nobody knows.
        if is_run(instruction) {
            return;
        }
    }
}

/// What a shell is to run.
fn shell_form(instruction: &Instruction) -> Option<Span> {
    let form = match &instruction.kind {
        InstructionKind::Run(form) => {
            let script = instruction.heredocs.first();
            let is_program = script.is_some_and(|script| script.content.starts_with("#!"));
            Some(form).filter(|_| !is_program)
        }
        InstructionKind::Cmd(form) | InstructionKind::Entrypoint(form) => Some(form),
        InstructionKind::Healthcheck(check) => check.command.as_ref(),
        _ => None,
    };
    match form? {
        CommandForm::Shell(text) if !text.as_str().trim().is_empty() => Some(text.span()),
        _ => None,
    }
}
