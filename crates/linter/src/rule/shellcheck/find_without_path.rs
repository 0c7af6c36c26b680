//! # find is told where to look
//!
//! GNU find and BusyBox look below the current directory when no path is given; other finds end with an error.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN find -name '*.pyc' -delete
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN find . -name '*.pyc' -delete
//! ```
//!
//! **Fix**: doubtful: it counts on a find that looks below the current directory, as that of GNU does.

use lapstrake_parser::{Safety, Severity, Span};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::run::Run;
use crate::shell::ShellWord;

pub(super) static RULE: Rule =
    Rule::shellcheck("find-without-path", &["SC2185"], Severity::Info, Check::Script(check));

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    for command in run.commands(&["find"]) {
        let leading =
            command.arguments().iter().take_while(|word| stands_before_path(word)).count();
        let behind = command.arguments().get(leading);
        if behind.is_some_and(|word| !word.text.starts_with('-'))
            || asks_for_help(command.arguments())
        {
            continue;
        }
        let last = leading.checked_sub(1).and_then(|at| command.arguments().get(at));
        let place = last.map_or(command.name_span(), |word| word.span).end;
        let draft =
            findings.add(command.name_span(), "not every `find` looks here when no path is given");
        let draft = draft.help("write `find .`");
        draft.fix(Safety::Unsafe, [(Span::point(place), " .".to_owned())]);
    }
}

/// True for the flags of GNU and BSD that come in front of the path.
fn stands_before_path(word: &ShellWord) -> bool {
    word.text.strip_prefix('-').is_some_and(|flag| flag.chars().count() <= 1)
}

fn asks_for_help(arguments: &[ShellWord]) -> bool {
    arguments
        .iter()
        .any(|word| matches!(word.text.as_str(), "--help" | "--version" | "-help" | "-version"))
}
