//! # What is copied is in the context
//!
//! `.dockerignore` leaves the file out of the context, or the folder that it is in: COPY and ADD find
//! nothing. A `.dockerignore` with a line that takes something in again (`!…`) is not looked at.
//!
//! ```dockerfile
//! # .dockerignore has the line `*.md`
//! FROM alpine
//! COPY README.md /
//! ```
//!
//! Take the line out of `.dockerignore`, or do not copy the file.
//!
//! **Fix**: none.

use lapstrake_parser::ignore_file::IgnoreFile;
use lapstrake_parser::{InstructionKind, Keyword, Source};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::value::value;
use crate::walk::Step;

pub(super) static RULE: Rule = Rule::buildkit("CopyIgnoredFile", Check::Step(check));

fn check(step: &Step<'_>, findings: &mut Findings<'_>) {
    let (InstructionKind::Copy(transfer) | InstructionKind::Add(transfer)) = &step.instruction.kind
    else {
        return;
    };
    let Some(ignore) = step.subject.known.ignore.filter(|ignore| !ignore.has_exceptions()) else {
        return;
    };
    let keyword = step.instruction.kind.keyword();
    if keyword == Keyword::Copy && step.instruction.flag("from").is_some_and(has_text) {
        return;
    }
    let escape = step.subject.dockerfile.escape;
    for source in &transfer.sources {
        let Source::Path(word) = source else { continue };
        let Some(path) = value(word, &step.state.environment, escape) else { continue };
        if !is_remote(&path.text) && is_ignored(ignore, &path.text) {
            let message = format!("`.dockerignore` leaves `{}` out of the context", path.text);
            findings.add(word.span(), message).help(format!(
                "take it in again in `.dockerignore`, or take it out of the {}",
                keyword.name()
            ));
        }
    }
}

fn has_text(flag: &lapstrake_parser::Flag) -> bool {
    !flag.text().is_empty()
}

/// The root itself is never left out; it counts as such where all that is in it is.
fn is_ignored(ignore: &IgnoreFile, path: &str) -> bool {
    let path = clean(path);
    if path.is_empty() { ignore.has_all_of_root() } else { ignore.matches(path.as_bytes()) }
}

/// Without `.`, `..` and doubled slashes, as seen from the root.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// What ADD fetches.
fn is_remote(source: &str) -> bool {
    let starts = ["http://", "https://", "git://", "ssh://", "git@"];
    starts.iter().any(|start| source.starts_with(start))
}
