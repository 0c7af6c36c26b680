//! # HEALTHCHECK runs what is there
//!
//! A health check whose program is not in the image fails each time, and the container counts as unhealthy.
//! Slim images have neither curl nor wget. Looks at base images that are in the store, as far as nothing behind
//! FROM could have brought the program.
//!
//! ```dockerfile
//! FROM debian:12-slim
//! COPY server /usr/local/bin/
//! HEALTHCHECK CMD curl --fail http://localhost/ || exit 1
//! ```
//!
//! Use what the image has, the server itself for instance:
//!
//! ```dockerfile
//! FROM debian:12-slim
//! COPY server /usr/local/bin/
//! HEALTHCHECK CMD ["server", "--check"]
//! ```
//!
//! **Fix**: none: what is to be asked in its place is for the author to say.

use lapstrake_parser::{CommandForm, InstructionKind, Keyword, Severity, Span, Stage};

use crate::finding::Findings;
use crate::program::{BUILTINS, Search};
use crate::root::Root;
use crate::rule::{Check, Rule};
use crate::shell;
use crate::state::State;
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::own("healthcheck-missing-tool", Severity::Warning, Check::Stage(check));

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    if !subject.is_target(stage) {
        return;
    }
    let health = subject.last(stage, Keyword::Healthcheck).map(|one| &one.kind);
    let Some(InstructionKind::Healthcheck(health)) = health else { return };
    let Some((program, place)) = health.command.as_ref().and_then(program) else { return };
    let Some(root) = Root::before(subject, stage, None) else { return };
    let state = State::at_end(subject, stage);
    let search = Search {
        root: &root,
        path: state.environment.value("PATH").unwrap_or_default(),
        directory: state.directory.as_deref(),
        architecture: &subject.known.platform.architecture,
    };
    if let Some(fault) = search.fault(&program) {
        let image = subject.ground(stage).0.from.image.span();
        let draft = findings.add(place, format!("`{program}` {}", fault.what));
        draft.help(fault.help).label(image, "the files of this image are known");
    }
}

/// What the check runs first.
fn program(form: &CommandForm) -> Option<(String, Span)> {
    match form {
        CommandForm::Exec(words) => {
            let word = words.first()?;
            Some((word.as_str().to_owned(), word.span()))
        }
        CommandForm::Shell(line) => {
            shell::first_program(line).filter(|(name, _)| !BUILTINS.contains(&name.as_str()))
        }
    }
}
