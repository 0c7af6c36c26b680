//! # Lines of `.dockerignore` do what they say
//!
//! The last line that matches a path, or a folder that it is in, decides. Other than in `.gitignore`, a pattern
//! counts from the root of the context: `*.log` matches no `src/a.log`. Looks, where the context is known, for
//!
//! - lines whose matches all are taken in again below, or, with `!`, left out again;
//! - lines with `!` for a folder, where others leave out only what is in it: that stays out when the folder is
//!   copied;
//! - names and patterns without a slash that match nothing in the root, but something in a folder.
//!
//! ```dockerfile
//! # .dockerignore has the line `*.log`, and there is a file src/debug.log
//! FROM alpine
//! COPY . /app
//! ```
//!
//! Better: the line `**/*.log`.
//!
//! **Fix**: none.

use lapstrake_parser::Severity;
use lapstrake_parser::ignore_file::IgnoreFile;
use lapstrake_rootfs::TreePath;

use crate::finding::Findings;
use crate::ignored::{Line, Lines};
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::own("dockerignore-lint", Severity::Warning, Check::File(check));

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let Some(lines) = subject.known.context.and_then(Lines::of) else { return };
    findings.looks_into(&lines.file);
    for line in &lines.lines {
        let span = lines.ignore.span(line.number);
        if let Some(other) = undone_by(&lines, line) {
            let what = if line.keeps { "takes in is left out" } else { "leaves out is taken in" };
            let message = format!("what this {what} again by line {}", other.number);
            let other_span = lines.ignore.span(other.number);
            let help = "the last line that matches decides: put this line below that one";
            findings.add(span, message).label(other_span, "this line decides").help(help);
        } else if let Some((folder, path)) = walked_past(&lines, line) {
            let message = format!("`{path}` stays out: no line leaves out the folder `{folder}`");
            let help = format!("write `!{folder}/**`, which takes in what is in it");
            findings.add(span, message).help(help);
        } else if let Some((first, more)) = deeper(&lines, line) {
            let and_more = if more == 0 { String::new() } else { format!(" and {more} more") };
            let message = format!(
                "`{}` counts from the root, so {first}{and_more} stays in the context",
                line.pattern
            );
            let pattern = line.pattern.trim_start_matches('/');
            findings.add(span, message).help(format!("write `**/{pattern}`"));
        }
    }
}

/// A later line that undoes all that the line does.
fn undone_by<'l>(lines: &'l Lines<'_>, line: &Line) -> Option<&'l Line> {
    let others = lines.lines.iter();
    let mut later = others.filter(|other| other.number > line.number && other.keeps != line.keeps);
    let is_undone = |other: &&Line| {
        !line.matched.is_empty()
            && line.matched.iter().all(|path| {
                other.matched.binary_search(path).is_ok() && lines.leaves_out(path) != other.keeps
            })
    };
    let found = later.find(is_undone)?;
    // What is in folders that are left out is not known.
    (line.keeps || !lines.may_match_more(line)).then_some(found)
}

/// A folder that the line is to take in, and something in it that is left out all the same: a walk does not look at
/// the line where nothing leaves out the folder itself.
fn walked_past(lines: &Lines<'_>, line: &Line) -> Option<(String, String)> {
    if !line.keeps {
        return None;
    }
    let is_kept = |path: &TreePath| !lines.ignore.patterns.matches(path.as_bytes());
    let path = lines.hidden.iter().find(|path| is_kept(path) && line.matched.contains(path))?;
    let alone = IgnoreFile::parse(line.pattern.as_bytes()).ok()?;
    let folder = path.ancestors().find(|above| alone.matches(above.as_bytes()))?;
    let shown = |path: &TreePath| path.to_string().trim_start_matches('/').to_owned();
    Some((shown(&folder), shown(path)))
}

/// What is in folders and has the line's name, if nothing in the root has: the first path, and how many more there are.
pub(super) fn deeper(lines: &Lines<'_>, line: &Line) -> Option<(String, usize)> {
    let name = line.pattern.trim_matches('/');
    if line.keeps || name.contains('/') || name.contains("**") || !line.matched.is_empty() {
        return None;
    }
    let anywhere = IgnoreFile::parse(format!("**/{name}").as_bytes()).ok()?;
    let is_in = |path: &&TreePath| {
        let bytes = path.as_bytes();
        anywhere.matches(bytes) && !lines.leaves_out(path)
    };
    let mut found: Vec<&TreePath> = lines.paths.iter().filter(is_in).collect();
    found.dedup_by(|one, other| one.starts_with(other));
    let first = found.first()?.to_string();
    Some((format!("`{}`", first.trim_start_matches('/')), found.len() - 1))
}
