//! # ADD unpacks archives by itself
//!
//! An archive that is copied and then unpacked is in the image twice: its own layer stays.
//!
//! ```dockerfile
//! FROM debian:12
//! COPY app.tgz /tmp/
//! RUN tar -xzf /tmp/app.tgz -C /opt
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! ADD app.tgz /opt/
//! ```
//!
//! Only for what ADD unpacks: tar archives, plain or compressed by gzip, bzip2 or xz.
//!
//! **Fix**: none: what else the command does with the archive is not known here.

use lapstrake_parser::{Instruction, InstructionKind, Severity, Source, Stage, Transfer, Word};

use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::run::Run;
use crate::shell::Command;
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::hadolint("archive-copied", &["DL3010"], Severity::Info, Check::Stage(check))
        .confident(Confidence::Medium);

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    let mut copied: Vec<(&Word, Vec<&str>)> = Vec::new();
    for instruction in stage.instructions {
        copied.extend(archives(instruction));
        if copied.is_empty() || matches!(instruction.kind, InstructionKind::Onbuild(_)) {
            continue;
        }
        let Some(run) = Run::of(subject, instruction) else { continue };
        for command in &run.script.commands {
            let unpacked = |(_, names): &mut (&Word, Vec<&str>)| unpacks(command, names);
            for (source, _) in copied.extract_if(.., unpacked) {
                let draft =
                    findings.add(source.span(), "the archive is copied, and unpacked later");
                let draft = draft.label(command.span(), "unpacked here");
                draft.help("ADD unpacks it, and leaves no copy of it in the image");
            }
        }
    }
}

/// The archives that a COPY takes from the context, each with the names it may have then.
fn archives(instruction: &Instruction) -> Vec<(&Word, Vec<&str>)> {
    let InstructionKind::Copy(transfer) = &instruction.kind else { return Vec::new() };
    if instruction.flag("from").is_some() {
        return Vec::new();
    }
    let Transfer { sources, destination, .. } = transfer;
    let paths = sources.iter().filter_map(|source| match source {
        Source::Path(word) => Some(word),
        Source::Heredoc { .. } => None,
    });
    let archives = paths.filter(|word| is_archive(base_name(word.as_str())));
    let renamed = base_name(destination.as_str());
    archives
        .map(|word| {
            let own = base_name(word.as_str());
            let names = if is_archive(renamed) { vec![own, renamed] } else { vec![own] };
            (word, names)
        })
        .collect()
}

fn base_name(path: &str) -> &str {
    let path = path.trim_matches(['"', '\'']);
    path.rsplit('/').next().unwrap_or(path)
}

fn is_archive(name: &str) -> bool {
    let compressed = [".gz", ".bz2", ".xz"];
    is_tar(name) || compressed.iter().any(|ending| name.ends_with(ending))
}

/// True if the name says that a tar archive is in it.
fn is_tar(name: &str) -> bool {
    TARS.iter().any(|ending| name.ends_with(ending))
}

const TARS: [&str; 9] =
    [".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tb2", ".tbz", ".tbz2", ".tar.xz", ".txz"];

fn unpacks(command: &Command, names: &[&str]) -> bool {
    let is_named =
        |name: &&str| command.arguments().iter().any(|word| base_name(&word.text) == *name);
    match command.name() {
        "tar" => extracts(command) && names.iter().any(is_named),
        // Of other compressed files ADD makes nothing.
        "unzip" | "gunzip" | "bunzip2" | "unxz" | "zcat" | "bzcat" | "xzcat" => {
            names.iter().filter(|name| is_tar(name)).any(is_named)
        }
        _ => false,
    }
}

/// True for `-x`, its long forms, and the old form without a dash, `tar xzf`.
fn extracts(command: &Command) -> bool {
    let is_letters = |text: &str| text.chars().all(|letter| letter.is_ascii_alphabetic());
    let first = command.arguments().first().map_or("", |word| word.text.as_str());
    let is_old_form = is_letters(first) && first.contains('x');
    is_old_form || command.has_any_flag(&["x", "extract", "get"])
}
