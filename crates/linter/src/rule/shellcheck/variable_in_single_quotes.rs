//! # Nothing is put into single quotes
//!
//! The shell leaves `$name`, `$(…)` and backticks in single quotes as they stand. Where the text is meant for a program
//! that knows such signs itself (awk, jq, perl, a shell) nothing is said.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN echo 'built on $(date)' > /etc/build
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN echo "built on $(date)" > /etc/build
//! ```
//!
//! **Fix**: none: the text may be meant to stay as it is.

use lapstrake_parser::Severity;

use crate::dialect::ShellRun;
use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::shell::walk::Role;
use crate::shell::{Command, Piece, PieceKind, ShellWord};

pub(super) static RULE: Rule =
    Rule::shellcheck("variable-in-single-quotes", &["SC2016"], Severity::Info, Check::Shell(check))
        .confident(Confidence::Medium);

/// Programs that put variables of their own into text, or hand it to a shell.
const READ_DOLLARS: [&str; 19] = [
    "alias",
    "bash",
    "docker",
    "doas",
    "dpkg-query",
    "eval",
    "jq",
    "ksh",
    "oc",
    "podman",
    "rename",
    "rg",
    "run0",
    "sh",
    "ssh",
    "sudo",
    "trap",
    "unset",
    "xprop",
];

/// Variables whose text the shell reads again.
const PROMPTS: [&str; 5] = ["PS1", "PS2", "PS3", "PS4", "PROMPT_COMMAND"];

fn check(run: &ShellRun<'_>, findings: &mut Findings<'_>) {
    let has_more = |word: &ShellWord| {
        word.pieces.iter().any(|piece| !matches!(piece.kind, PieceKind::Literal(_)))
    };
    for (word, role) in run.words().filter(|(word, _)| has_more(word)) {
        let is_prompt = || word.assigned_name().is_some_and(|(name, _)| PROMPTS.contains(&name));
        if matches!(role, Role::Delimiter) || is_prompt() {
            continue;
        }
        let command = match role {
            Role::Argument(command, _) => Some(command),
            _ => None,
        };
        let name = command.map(program).unwrap_or_default();
        if !reads_dollars(name) {
            report(&word.pieces, name == "sed", findings);
        }
    }
}

/// The program that the words are for: that behind `find … -exec`, too.
fn program(command: &Command) -> &str {
    let name = command.base_name();
    let words = command.arguments();
    if name == "git" && words.first().is_some_and(|word| word.text == "filter-branch") {
        return "eval";
    }
    let is_exec = |text: &str| matches!(text, "-exec" | "-execdir" | "-ok" | "-okdir");
    let exec = words.iter().position(|word| name == "find" && is_exec(&word.text));
    let inner = exec.and_then(|at| words.get(at + 1)).filter(|word| word.is_literal);
    inner.map_or(name, |word| &word.text)
}

fn reads_dollars(name: &str) -> bool {
    READ_DOLLARS.contains(&name)
        || name == "zsh"
        || name.ends_with("awk")
        || name.starts_with("perl")
}

fn report(pieces: &[Piece], is_sed: bool, findings: &mut Findings<'_>) {
    for piece in pieces {
        match &piece.kind {
            PieceKind::Single(text) if has_expansion(text) && !(is_sed && is_for_sed(text)) => {
                let draft = findings.add(piece.span, "nothing is put into single quotes");
                draft.help("use double quotes if it is meant to be");
            }
            PieceKind::Braces(inner) => report(inner, is_sed, findings),
            PieceKind::Parameter(parameter) => report(&parameter.pieces, is_sed, findings),
            PieceKind::Array(words) => {
                words.iter().for_each(|word| report(&word.pieces, is_sed, findings));
            }
            _ => {}
        }
    }
}

/// True for `$name`, `${`, `$(`, and a pair of backticks with something in it.
fn has_expansion(text: &str) -> bool {
    let begins = |c: char| c.is_ascii_alphanumeric() || matches!(c, '{' | '(' | '_');
    let has_dollar = text.split('$').skip(1).any(|behind| behind.starts_with(begins));
    let between = || text.split_once('`')?.1.rsplit_once('`').map(|(inside, _)| inside);
    has_dollar || between().is_some_and(|inside| inside.split('`').any(|part| !part.is_empty()))
}

/// True if there is a `$` that sed takes for the last line, as in `$d`.
fn is_for_sed(text: &str) -> bool {
    text.split('$').skip(1).any(|behind| {
        let mut letters = behind.chars();
        letters.next().is_some_and(|letter| "{dpsaic".contains(letter))
            && !letters.next().is_some_and(|letter| letter.is_ascii_alphabetic())
    })
}
