//! # What is installed does not depend on files that the installer does not read
//!
//! A RUN runs again when anything changed that was copied above it. Where all of a project is copied and then its
//! dependencies are installed, each change of any file installs them again. Looks, where the context is known, at the
//! files that COPY and ADD really take, and counts those that the command does not read. It knows npm, pnpm, yarn, bun,
//! `pip install -r`, `uv sync --no-install-project`, `poetry install --no-root`, `go mod download`, `cargo fetch`,
//! bundle, composer, maven, gradle and `dotnet restore`.
//!
//! ```dockerfile
//! FROM node:22
//! WORKDIR /app
//! COPY . .
//! RUN npm ci
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM node:22
//! WORKDIR /app
//! COPY package.json package-lock.json ./
//! RUN npm ci
//! COPY . .
//! ```
//!
//! **Fix**: none: what else the installer needs is for the author to say.

use lapstrake_parser::{InstructionKind, Severity, Stage};
use lapstrake_rootfs::View;

use crate::copied::ContextCopy;
use crate::finding::Findings;
use crate::manifest::{Reads, reads};
use crate::rule::{Check, Confidence, Rule};
use crate::run::Run;
use crate::shell::Command;
use crate::start::{chain, is_among};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::own("cache-busting-copy", Severity::Warning, Check::Stage(check))
        .instead_of(&["broad-copy"])
        .confident(Confidence::Medium);

/// So many names of files are told.
const TOLD: usize = 4;

/// What a copy takes, as far as a command is concerned.
struct Count {
    all: usize,
    unread: usize,
    /// The files that are read.
    read: Vec<String>,
    /// Some of the others come with a folder.
    is_broad: bool,
}

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    let Some((copies, view, _)) = subject.copies() else { return };
    let runs = stage.instructions.iter().filter_map(|one| Run::of(subject, one));
    let mut commands = runs.flat_map(|run| &run.script.commands);
    if !commands.any(|command| reads(command).is_some()) {
        return;
    }
    let chain = chain(subject, stage);
    let all = &subject.dockerfile.instructions;
    for copy in copies {
        let own = all.get(copy.instruction);
        if !own.is_some_and(|own| is_among(own, &chain)) {
            continue;
        }
        // Of the stages that go back to this copy, each tells of its own commands.
        let runs = stage.instructions.iter().filter(|one| {
            matches!(one.kind, InstructionKind::Run(_))
                && own.is_some_and(|own| own.span.start < one.span.start)
        });
        let runs = runs.filter_map(|one| Run::of(subject, one));
        let found = runs.flat_map(|run| &run.script.commands).find_map(|command| {
            let reads = reads(command)?;
            let count = count(copy, view, &reads);
            (count.unread > 0 && !count.read.is_empty() && count.is_broad)
                .then_some((command, reads, count))
        });
        if let Some((command, reads, count)) = found {
            report(copy, (command, &reads), &count, findings);
        }
    }
}

fn count(copy: &ContextCopy, view: &View, reads: &Reads) -> Count {
    let mut count = Count { all: 0, unread: 0, read: Vec::new(), is_broad: false };
    for taken in &copy.sources {
        let Ok(found) = taken.select(view) else { continue };
        for placed in found.placed() {
            let path = placed.entry.path.to_string();
            let path = path.trim_start_matches('/');
            count.all += 1;
            if reads.has(path) {
                count.read.push(path.to_owned());
            } else {
                count.unread += 1;
                count.is_broad |= !placed.is_named;
            }
        }
    }
    count
}

fn report(
    copy: &ContextCopy,
    (command, reads): (&Command, &Reads),
    count: &Count,
    findings: &mut Findings<'_>,
) {
    let Some((first, last)) = copy.sources.first().zip(copy.sources.last()) else { return };
    let Count { all, unread, read, .. } = count;
    let are = if *unread == 1 { "is" } else { "are" };
    let message = format!("{unread} of {all} files copied here {are} not read by `{}`", reads.tool);
    let mut names = read.iter().take(TOLD).cloned().collect::<Vec<_>>().join(", ");
    if let Some(more) = read.len().checked_sub(TOLD).filter(|more| *more > 0) {
        names += &format!(" and {more} more");
    }
    let help = format!("copy {names} first, and the rest behind that RUN");
    let draft = findings.add(first.span.cover(last.span), message).help(help);
    draft.label(command.span(), "runs again when any of them changes");
}
