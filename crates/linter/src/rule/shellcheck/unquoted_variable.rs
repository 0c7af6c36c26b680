//! # Variables stand in double quotes
//!
//! Without quotes the shell splits what a variable holds at blanks, and takes `*`, `?` and `[` in it for patterns of
//! file names: one argument becomes several, or none.
//!
//! What is certainly in one piece needs no quotes: numbers, text that the script has set, and variables of ARG and ENV,
//! which are taken for such.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN for file in /etc/app/*; do chmod 644 $file; done
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN for file in /etc/app/*; do chmod 644 "$file"; done
//! ```
//!
//! **Fix**: doubtful: where a list of words is meant to be split, quotes make one of it.

use lapstrake_parser::{Safety, Severity, Span};

use crate::dialect::ShellRun;
use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::shell::text::Text;
use crate::shell::walk::Role;
use crate::shell::{PieceKind, flow};

pub(super) static RULE: Rule =
    Rule::shellcheck("unquoted-variable", &["SC2086"], Severity::Info, Check::Shell(check))
        .confident(Confidence::Medium);

fn check(run: &ShellRun<'_>, findings: &mut Findings<'_>) {
    let is_whole = |name: &str| run.has_variable(name);
    for (text, dialect) in run.texts().filter(|(text, _)| may_split(text)) {
        let assigns = dialect.assigns_arguments();
        for (span, parameter) in flow::split(run.run.script, text.part, &is_whole, assigns) {
            let message =
                format!("`${}` is split at blanks, and file names take its place", parameter.name);
            let quote = || "\"".to_owned();
            let edits = [(Span::point(span.start), quote()), (Span::point(span.end), quote())];
            let draft = findings.add(span, message).help("put it in double quotes");
            draft.fix(Safety::Unsafe, edits);
        }
    }
}

/// False if all variables of the text stand in quotes, or where nothing is split: then what they hold does not
/// matter.
fn may_split(text: &Text<'_>) -> bool {
    text.words.iter().any(|(word, role)| {
        matches!(role, Role::Argument(..) | Role::Target)
            && word
                .pieces
                .iter()
                .any(|piece| matches!(piece.kind, PieceKind::Parameter(_) | PieceKind::Braces(_)))
    })
}
