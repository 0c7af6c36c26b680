//! # Not everybody may write what is in the image
//!
//! A file that every user may write can be replaced by whatever breaks into the least of them, a program or a
//! script for instance. Looks at `chmod` and at `--chmod`. Folders with the sticky bit (`1777`), and what is below `/tmp`, `/var/tmp`, `/dev` and
//! `/run`, are meant for everybody. Stages of which only single files are taken do not count, nor what the same RUN removes.
//!
//! ```dockerfile
//! FROM debian:12
//! COPY start.sh /
//! RUN chmod 777 /start.sh
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! COPY --chmod=755 start.sh /
//! ```
//!
//! **Fix**: none: who has to write there is for the author to say.

use lapstrake_parser::{Instruction, Severity, Stage};

use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::run::Run;
use crate::shell::Command;
use crate::subject::Subject;

pub(super) static RULE: Rule = Rule::own("world-writable", Severity::Warning, Check::Stage(check))
    .confident(Confidence::Medium);

/// Where everybody writes.
const SHARED: [&str; 4] = ["/tmp", "/var/tmp", "/dev", "/run"];

const HELP: &str = "give it to the user that writes it (`chown`, `COPY --chown`), and let the others read: 755, or 644";

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    if subject.is_shipped(stage) {
        stage.instructions.iter().for_each(|one| check_one(subject, one, findings));
    }
}

fn check_one(subject: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    if let Some(word) = instruction.flag("chmod").and_then(|flag| flag.value.as_ref()) {
        if lets_all_write(word.as_str()) {
            findings.add(word.span(), message(word.as_str())).help(HELP);
        }
        return;
    }
    let Some(run) = Run::of(subject, instruction) else { return };
    for command in run.commands(&["mkdir", "install"]) {
        let mode = command.flag_value(&["m", "mode"]).filter(|mode| mode.is_literal);
        let Some(mode) = mode else { continue };
        let text = mode.text.split_once('=').map_or(mode.text.as_str(), |(_, text)| text);
        if lets_all_write(text) && !is_shared(command) && !is_removed(&run, command) {
            findings.add(mode.span, message(text)).help(HELP);
        }
    }
    for command in run.commands(&["chmod", "/bin/chmod", "/usr/bin/chmod"]) {
        let mut words = command.arguments().iter().skip_while(|word| is_flag(&word.text));
        let Some(mode) = words.next().filter(|mode| lets_all_write(&mode.text)) else { continue };
        if !is_shared(command) && !is_removed(&run, command) {
            findings.add(mode.span, message(&mode.text)).help(HELP);
        }
    }
}

fn message(mode: &str) -> String {
    format!("with `{mode}` every user may write this")
}

fn is_flag(text: &str) -> bool {
    matches!(text, "-R" | "-v" | "-c" | "-f" | "-Rf" | "-fR" | "-Rv" | "-vR")
        || text.starts_with("--")
}

/// True if the RUN removes what the command names, or that is a place for a while by its name.
fn is_removed(run: &Run<'_>, command: &Command) -> bool {
    let Some(last) = command.arguments().last().map(|word| word.text.as_str()) else {
        return false;
    };
    let name = last.to_ascii_lowercase();
    let is_short_lived = last.contains('$') && (name.contains("tmp") || name.contains("temp"));
    let mut removals = run.commands(&["rm"]);
    is_short_lived || removals.any(|removal| removal.has_argument(last))
}

/// True if all that the command names is where everybody writes.
fn is_shared(command: &Command) -> bool {
    let mut paths = command.arguments().iter().filter(|word| word.text.starts_with('/')).peekable();
    let is_below = |path: &str| {
        SHARED.iter().any(|folder| {
            path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    };
    paths.peek().is_some() && paths.all(|word| is_below(&word.text))
}

/// True for a mode with write permission for others and without the sticky bit.
fn lets_all_write(mode: &str) -> bool {
    if mode.bytes().all(|digit| (b'0'..=b'7').contains(&digit)) {
        let mode = u32::from_str_radix(mode, 8).unwrap_or_default();
        return mode & 0o002 != 0 && mode & 0o1000 == 0;
    }
    let is_sticky = mode.split(',').any(|clause| clause.contains('t'));
    let gives = |clause: &str| {
        let Some(at) = clause.find(['+', '=']) else { return false };
        let (who, what) = clause.split_at(at);
        let is_who = who.contains(['a', 'o']) && who.bytes().all(|who| b"ugoa".contains(&who));
        is_who && what.split('-').next().is_some_and(|given| given.contains('w'))
    };
    !is_sticky && mode.split(',').any(gives)
}
