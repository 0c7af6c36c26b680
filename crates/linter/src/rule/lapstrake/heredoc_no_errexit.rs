//! # A script in a here-document stops where it fails
//!
//! The lines of a here-document are one script, and its status is that of its last command. Each command in
//! front may fail, and the step counts as done and is cached, half made. Looks at here-documents that sh, bash
//! and the like run, unless SHELL, the `#!` line or the command has `-e`, or the script sets it before
//! something can fail. Commands such as `echo`, chains with `||` and scripts that end with `exit 0` count as
//! meant that way.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN <<EOF
//! apt-get update
//! apt-get install -y curl
//! EOF
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN <<EOF
//! set -e
//! apt-get update
//! apt-get install -y curl
//! EOF
//! ```
//!
//! **Fix**: safe: `set -e` comes in front. A script in which nothing fails does the same; one in which something fails no
//! longer passes.

use lapstrake_parser::{Heredoc, Safety, Severity, Span, Stage};

use crate::failure::{self, Unseen};
use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::run::Run;
use crate::shell::Part;
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::own("heredoc-no-errexit", Severity::Warning, Check::Stage(check));

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    for (instruction, is_safe) in failure::with_errexit(subject, stage) {
        let Some(run) = Run::of(subject, instruction) else { continue };
        for part in &run.script.parts {
            let heredoc = part.heredoc.and_then(|number| run.instruction.heredocs.get(number));
            let Some(heredoc) = heredoc.filter(|_| !stops(&run, part, is_safe)) else { continue };
            if let Some(unseen) = failure::first_unseen(subject, run.script, &part.list, &[]) {
                report(heredoc, &unseen, findings);
            }
        }
    }
}

/// True if the shell that reads the text stops at a failure.
fn stops(run: &Run<'_>, part: &Part, is_safe: bool) -> bool {
    let Some(interpreter) = &part.interpreter else { return is_safe };
    let is_told = |command: &crate::shell::Command| {
        let arguments = command.arguments().iter().map(|word| word.text.as_str());
        command.name() == interpreter && failure::stops(arguments)
    };
    failure::stops(interpreter.split_whitespace().skip(1))
        || run.script.commands.iter().any(is_told)
}

fn report(heredoc: &Heredoc, unseen: &Unseen<'_>, findings: &mut Findings<'_>) {
    let what = match unseen.command.name() {
        "" => "a command".to_owned(),
        name => format!("`{name}`"),
    };
    let message = format!("if {what} fails, the script goes on, and the step counts as done");
    // Behind the line that names the interpreter, if there is one.
    let line = heredoc.content.split_inclusive('\n').next().filter(|line| line.starts_with("#!"));
    let place = Span::point(heredoc.body.start + line.map_or(0, str::len));
    let draft =
        findings.add(heredoc.marker, message).label(unseen.span, "nobody sees that this fails");
    draft
        .help("begin the script with `set -e`")
        .fix(Safety::Safe, [(place, "set -e\n".to_owned())]);
}
