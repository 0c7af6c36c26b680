//! # A pipe fails when a part of it fails
//!
//! The status of a pipe is that of its last command. When one in front of it fails, a download for
//! example, the step goes on with half of the data and is cached as done. Here the shell is not told
//! to watch the others. `set -o pipefail` in the RUN counts as well.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN curl https://example.com/list | sort > /list
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! SHELL ["/bin/bash", "-o", "pipefail", "-c"]
//! RUN curl https://example.com/list | sort > /list
//! ```
//!
//! Where the base image is in the store, its SHELL counts as well.
//!
//! **Fix**: unsafe, where the shell is known to have it: `set -o pipefail` in front, and the step fails where it went on so
//! far. Else none.

use lapstrake_parser::{CommandForm, InstructionKind, Safety, Severity, Span, Stage, Word};

use crate::dialect::{self, Dialect};
use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::run::Run;
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::hadolint("pipe-hides-failure", &["DL4006"], Severity::Warning, Check::Stage(check))
        .confident(Confidence::Medium);

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    let base = subject.known.stage(stage.index).base;
    let inherited = base.into_iter().flat_map(|base| &base.config.shell);
    let mut is_safe = watches_pipes(inherited.map(String::as_str));
    let mut shell = None;
    for instruction in stage.instructions {
        if let InstructionKind::Shell(words) = &instruction.kind {
            is_safe = watches_pipes(words.iter().map(Word::as_str));
            shell = words.first().map(Word::as_str);
        }
        let Some(run) = Run::of(subject, instruction) else { continue };
        let is_exec = matches!(&run.instruction.kind, InstructionKind::Run(CommandForm::Exec(_)));
        if is_safe || is_exec || run.is_trigger || sets_pipefail(&run) {
            continue;
        }
        if let Some(pipe) = run.script.pipes.first() {
            let draft = findings.add(*pipe, "only the last command of the pipe can fail");
            let base = dialect::of_base(subject, stage).0;
            let draft = draft.help(match base == Some(Dialect::Busybox) {
                true => "the `sh` of the base image knows it: begin with `set -o pipefail && …`",
                false => "set `-o pipefail`, in SHELL or in front: `set -o pipefail && …`",
            });
            let set = Dialect::of(shell.unwrap_or("/bin/sh")).filter(|_| shell.is_some());
            let knows_it =
                matches!(set.or(base), Some(Dialect::Bash | Dialect::Busybox | Dialect::Ksh));
            draft.fix_all(Safety::Unsafe, begin(&run).filter(|_| knows_it));
        }
    }
}

/// The edit that has the first text of a RUN begin with it.
fn begin(run: &Run<'_>) -> Option<(Span, String)> {
    let [part] = run.script.parts.as_slice() else { return None };
    let first = part.list.chains.first()?.pipelines.first().filter(|one| one.bang.is_none())?;
    let first = first.nodes.first()?;
    let text = match (part.heredoc, part.list.chains.len()) {
        (Some(_), _) => "set -o pipefail\n",
        (None, 1) => "set -o pipefail && ",
        (None, _) => "set -o pipefail; ",
    };
    let is_told = part.interpreter.is_none() && !first.whole_span().is_empty();
    is_told.then(|| (Span::point(first.span.start), text.to_owned()))
}

/// True for a shell with `-o pipefail`, and for those of Windows, which know no such thing.
fn watches_pipes<'w>(mut shell: impl Iterator<Item = &'w str>) -> bool {
    let Some(program) = shell.next() else { return false };
    let arguments: Vec<&str> = shell.collect();
    let program = program.to_lowercase();
    if ["pwsh", "powershell", "cmd"].iter().any(|name| program.contains(name)) {
        return true;
    }
    let name = program.rsplit('/').next().unwrap_or_default();
    let is_option =
        |text: &str| text.starts_with('-') && !text.starts_with("--") && text.contains('o');
    matches!(name, "bash" | "zsh" | "ash")
        && arguments.iter().any(|word| is_option(word))
        && arguments.contains(&"pipefail")
}

fn sets_pipefail(run: &Run<'_>) -> bool {
    run.commands(&["set"]).any(|command| command.has_argument("pipefail"))
}
