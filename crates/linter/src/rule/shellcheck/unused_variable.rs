//! # A variable that nothing uses
//!
//! It may be misspelled where it is used, or have been meant for another program, which sees it only behind `export`.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN CFLAGS=-O2; make
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN export CFLAGS=-O2; make
//! ```
//!
//! **Fix**: none: it may be meant for `export`, or be a rest.

use lapstrake_parser::Severity;

use crate::dialect::ShellRun;
use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::shell::names::Names;

pub(super) static RULE: Rule =
    Rule::shellcheck("unused-variable", &["SC2034"], Severity::Warning, Check::Shell(check))
        .confident(Confidence::Medium);

/// Variables of the shell, and of programs that are never far.
const OF_SHELL: [&str; 34] = [
    "CDPATH",
    "COLUMNS",
    "DISPLAY",
    "ENV",
    "FCEDIT",
    "FUNCNEST",
    "GLOBIGNORE",
    "HOME",
    "HOSTNAME",
    "IFS",
    "IGNOREEOF",
    "INPUTRC",
    "LANG",
    "LANGUAGE",
    "LD_LIBRARY_PATH",
    "LINES",
    "LOGNAME",
    "MAIL",
    "MAILPATH",
    "OLDPWD",
    "OPTARG",
    "OPTERR",
    "OPTIND",
    "PATH",
    "PWD",
    "RANDOM",
    "REPLY",
    "SECONDS",
    "SHELL",
    "TERM",
    "TMOUT",
    "TMPDIR",
    "TZ",
    "USER",
];

fn check(run: &ShellRun<'_>, findings: &mut Findings<'_>) {
    for (text, _) in run.texts() {
        let mut names = Names::of(run.run.script, text);
        for heredoc in heredocs(run) {
            names.words_of(heredoc);
        }
        for (name, span) in names.set {
            let is_meant_so = name.starts_with('_') || run.has_variable(name);
            if !is_meant_so && !names.used.contains(name) && !is_of_shell(name) {
                let draft = findings.add(span, format!("nothing uses `{name}`"));
                draft.help("write `export` in front if a program does");
            }
        }
    }
}

/// The heredocs into which the shell puts variables; not those that are scripts themselves.
fn heredocs<'a>(run: &ShellRun<'a>) -> impl Iterator<Item = &'a str> {
    let parts = &run.run.script.parts;
    let heredocs = run.run.instruction.heredocs.iter().enumerate().filter(|(_, one)| one.expand);
    let heredocs = heredocs.filter(|(at, _)| parts.iter().all(|part| part.heredoc != Some(*at)));
    heredocs.map(|(_, heredoc)| &*heredoc.content)
}

/// True for variables that the shell or the system looks at, and for what is read to be thrown away.
fn is_of_shell(name: &str) -> bool {
    let beginnings = ["BASH", "COMP", "HIST", "LC_", "PS", "PROMPT", "READLINE"];
    OF_SHELL.contains(&name) || beginnings.iter().any(|one| name.starts_with(one))
}
