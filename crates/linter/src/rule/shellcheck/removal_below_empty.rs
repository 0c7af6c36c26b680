//! # An empty variable makes another path of it
//!
//! `rm -r "$dir/usr"` is `rm -r /usr` when nothing is in the variable. `${name:?}` ends the script in that case.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN read -r dir < /dir; rm -rf "$dir"/*
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN read -r dir < /dir; rm -rf "${dir:?}"/*
//! ```
//!
//! **Fix**: none: a default may be better than an end.

use lapstrake_parser::Severity;

use crate::dialect::ShellRun;
use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::shell::{Command, Piece, PieceKind, ShellWord};

pub(super) static RULE: Rule =
    Rule::shellcheck("removal-below-empty", &["SC2115"], Severity::Warning, Check::Shell(check))
        .confident(Confidence::Medium);

/// Folders that a system needs.
const FOLDERS: [&str; 14] = [
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/home",
    "/lib",
    "/lib64",
    "/media",
    "/mnt",
    "/usr",
    "/usr/bin",
    "/usr/local",
    "/usr/share",
    "/var",
];

fn check(run: &ShellRun<'_>, findings: &mut Findings<'_>) {
    for (text, _) in run.texts() {
        for (command, _) in &text.commands {
            for word in removed(command) {
                if let Some(path) = left(word).filter(|path| is_of_system(path)) {
                    let message = format!("with nothing in the variable this removes `{path}`");
                    findings.add(word.span, message).help("write `${…:?}`");
                }
            }
        }
    }
}

/// What `rm -r` is given. Braces would have to be expanded first.
fn removed(command: &Command) -> impl Iterator<Item = &ShellWord> {
    let is_rm = command.base_name() == "rm";
    let is_recursive = is_rm && command.has_any_flag(&["r", "R", "recursive"]);
    command.arguments().iter().filter(move |_| is_recursive)
}

/// The path that is left if nothing is in the variables of a word; nothing if there is none in it, or one with
/// a way out.
fn left(word: &ShellWord) -> Option<String> {
    let mut path = String::new();
    let mut is_variable = false;
    add(&word.pieces, &mut path, &mut is_variable)?;
    let mut letters = String::new();
    for letter in path.chars() {
        if !(matches!(letter, '/' | '*') && letters.ends_with(letter)) {
            letters.push(letter);
        }
    }
    let path = if letters == "/" { letters } else { letters.trim_end_matches('/').to_owned() };
    is_variable.then_some(path)
}

fn add(pieces: &[Piece], path: &mut String, is_variable: &mut bool) -> Option<()> {
    for piece in pieces {
        match &piece.kind {
            PieceKind::Double(inner) => add(inner, path, is_variable)?,
            PieceKind::Glob(text) => path.push_str(text),
            PieceKind::Parameter(parameter) => {
                let has_way_out =
                    [":?", ":-", ":="].iter().any(|one| parameter.modifier.contains(one));
                *is_variable = true;
                (!has_way_out).then_some(())?;
            }
            PieceKind::Substitution { .. } | PieceKind::Arithmetic(_) => *is_variable = true,
            _ => path.push_str(&piece.literal()?),
        }
    }
    Some(())
}

fn is_of_system(path: &str) -> bool {
    let all = path.strip_suffix("/*/*").or_else(|| path.strip_suffix("/*"));
    path == "/" || all == Some("") || FOLDERS.contains(&all.unwrap_or(path))
}
