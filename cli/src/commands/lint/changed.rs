//! `--diff-base`: what is found on lines that were there already is left out.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lapstrake_parser::{Diagnostic, LineIndex, Span};
use similar::{Algorithm, DiffOp, capture_diff_slices_deadline};

use super::file::Linted;
use super::git::Revision;
use super::usage;
use crate::failure::Failure;

/// What is not compared after so long counts as changed: texts can be made for which it takes hours.
const LONGEST: Duration = Duration::from_secs(2);

/// Leaves out what is on lines that the revision has. Faults of the syntax stay: behind them nothing was looked at.
///
/// # Errors
/// A file lies in no repository, or the repository has no such revision.
pub(super) fn leave_out(revision: &str, linted: &mut [Linted]) -> Result<(), Failure> {
    let mut paths = Vec::new();
    for one in linted.iter() {
        paths.push(absolute(one.source.name())?);
    }
    let mut by_root: BTreeMap<&Path, Vec<&Path>> = BTreeMap::new();
    for path in &paths {
        let root = Revision::root(path).ok_or_else(|| no_repository(path))?;
        by_root.entry(root).or_default().push(path);
    }
    let mut before: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
    for (root, paths) in by_root {
        before.append(&mut Revision::find(root, revision)?.texts(&paths)?);
    }
    for (one, path) in linted.iter_mut().zip(&paths) {
        if let Some(before) = before.get(path) {
            leave_out_of(one, &lapstrake_parser::decode(before).0);
        }
    }
    Ok(())
}

/// The path without links.
fn absolute(name: &str) -> Result<PathBuf, Failure> {
    fs::canonicalize(name)
        .map_err(|error| usage(Failure::new(format!("cannot find {name} again")).because(&error)))
}

fn no_repository(path: &Path) -> Failure {
    let failure = Failure::new(format!("{} is in no git repository", path.display()));
    usage(failure.help("`--diff-base` compares files with a revision of theirs; leave it away"))
}

fn leave_out_of(linted: &mut Linted, before: &str) {
    let text = linted.source.text();
    let changed = changed(before, text);
    let index = LineIndex::new(text);
    let touches = |span: Span| {
        let line = |offset: usize| index.position(offset).line as usize;
        // The line end behind a line is of that line.
        let last = line(span.end.saturating_sub(1).max(span.start));
        (line(span.start)..=last).any(|line| changed.get(line.wrapping_sub(1)) == Some(&true))
    };
    let is_new = |diagnostic: &Diagnostic| {
        touches(diagnostic.span) || diagnostic.labels.iter().any(|(span, _)| touches(*span))
    };
    let count = linted.faults.len();
    linted.faults.retain(|fault| fault.is_of_syntax || is_new(&fault.diagnostic));
    linted.on_old_lines = count.saturating_sub(linted.faults.len());
}

/// Which lines of a text are not as they were. How lines end does not count.
fn changed(before: &str, after: &str) -> Vec<bool> {
    let (before, after): (Vec<&str>, Vec<&str>) =
        (before.lines().collect(), after.lines().collect());
    let mut changed = vec![false; after.len()];
    let deadline = Some(Instant::now() + LONGEST);
    for op in capture_diff_slices_deadline(Algorithm::Myers, &before, &after, deadline) {
        if !matches!(op, DiffOp::Equal { .. }) {
            changed.iter_mut().take(op.new_range().end).skip(op.new_range().start).for_each(
                |line| {
                    *line = true;
                },
            );
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::changed;

    #[test]
    fn lines_are_compared() {
        assert_eq!(changed("a\nb\nc\n", "a\nx\nc\nd"), [false, true, false, true]);
        assert_eq!(changed("a\r\nb\r\n", "a\nb\n"), [false, false]);
        assert_eq!(changed("a\nb\nc\n", "a\nc\n"), [false, false]);
        assert_eq!(changed("", "a\n"), [true]);
    }
}
