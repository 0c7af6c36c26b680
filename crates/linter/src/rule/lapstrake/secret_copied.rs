//! # No secret is copied into the image
//!
//! Whoever has an image has all files of all of its layers; a later RUN that deletes one changes nothing. Looks, where
//! the context is known, at the files that a COPY or ADD really takes, also with `COPY . .`, after `.dockerignore`:
//! for the names of keys, logins and `.env` files, and for private keys and tokens inside of files of up to 64 KiB (of
//! the first 500 that an instruction takes). What is in folders for tests and examples is taken for play.
//!
//! In a stage that leaves nothing in the image it is a remark: the file is in the cache, also in one that is shared
//! with `--cache-to`.
//!
//! ```dockerfile
//! # there is a file `.env`
//! FROM node:22
//! WORKDIR /app
//! COPY . .
//! ```
//!
//! Better: the line `.env` in `.dockerignore`, and, for a command that needs it,
//!
//! ```dockerfile
//! FROM node:22
//! RUN --mount=type=secret,id=env,target=.env npm run build
//! ```
//!
//! **Fix**: none.

use lapstrake_parser::{Severity, Stage};
use lapstrake_rootfs::{Entry, Kind};

use crate::files::{Context, HEAD};
use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::secret;
use crate::subject::Subject;

pub(super) static RULE: Rule = Rule::own("secret-copied", Severity::Warning, Check::Stage(check))
    .confident(Confidence::Medium);

/// So many files of an instruction are looked into.
const LOOKED_INTO: usize = 500;

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    let Some((copies, view, context)) = subject.copies() else { return };
    for copy in copies.iter().filter(|copy| copy.stage == stage.index) {
        for taken in &copy.sources {
            let Ok(found) = taken.select(view) else { continue };
            let files = found.entries().filter(|entry| matches!(entry.kind, Kind::File { .. }));
            let secrets: Vec<(String, String)> = files
                .enumerate()
                .filter_map(|(number, entry)| secret(entry, number < LOOKED_INTO, context))
                .collect();
            let Some((first, why)) = secrets.first() else { continue };
            let rest = match secrets.get(1..).unwrap_or_default() {
                [] => String::new(),
                [(second, _)] => format!(" and `{second}`"),
                more => format!(" and {} more", more.len()),
            };
            let is_shipped = subject.is_shipped(stage);
            let whither = if is_shipped { "the image" } else { "the cache" };
            let go = if rest.is_empty() { "goes" } else { "go" };
            let message = format!("`{first}`{rest} {go} into {whither}");
            let help = format!(
                "{why}; list it in .dockerignore, and give it to the RUN that needs it with \
                 --mount=type=secret"
            );
            let draft = findings.add(taken.span, message).help(help);
            if !is_shipped {
                draft.remark();
            }
        }
    }
}

/// The path of a file that is a secret, and why it is one.
fn secret(entry: &Entry, may_read: bool, context: Context<'_>) -> Option<(String, String)> {
    let path = entry.path.to_string();
    let path = path.trim_start_matches('/');
    if let Some(why) = secret::by_name(path, || (context.files.head)(&entry.path)) {
        return Some((path.to_owned(), why.to_owned()));
    }
    let is_small = matches!(entry.kind, Kind::File { size, .. } if size > 0 && size <= HEAD as u64);
    let what = (may_read && is_small && !secret::is_play(path))
        .then(|| (context.secret)(&entry.path))??;
    Some((path.to_owned(), format!("{what} is in it")))
}
