//! # What is copied is in the context
//!
//! COPY and ADD of a path that is not in the context fail the build; of a pattern that matches nothing they
//! copy nothing, without a word. Either there is no such path, or `.dockerignore` leaves it out: the last of its
//! lines that matches the path, or a folder that the path is in, decides. Looks only where the context is known.
//!
//! A pattern beside a source that is there is taken to be there for what may be missing, as in
//! `COPY package.json yarn.lock* ./`.
//!
//! ```dockerfile
//! # there is a folder `src`
//! FROM alpine
//! COPY scr/ /app/
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM alpine
//! COPY src/ /app/
//! ```
//!
//! **Fix**: unsafe; takes the path that reads most like the missing one, if one is near enough.

use std::sync::Arc;

use lapstrake_parser::ignore_file::Exclusion;
use lapstrake_parser::{Severity, Stage};
use lapstrake_rootfs::copy::CopyError;
use lapstrake_rootfs::entry::Timestamp;
use lapstrake_rootfs::{Entry, LayerManifest, TreePath, View};

use crate::copied::{ContextCopy, Taken, is_hidden};
use crate::files::{Context, IgnoreText};
use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::own("copy-source-missing", Severity::Warning, Check::Stage(check))
        .confident(Confidence::Medium);

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    let Some((copies, view, context)) = subject.copies() else { return };
    for copy in copies.iter().filter(|copy| copy.stage == stage.index) {
        let is_there = |taken: &Taken| taken.select(view).is_ok_and(|found| !found.is_empty());
        let is_alone = !copy.sources.iter().any(is_there);
        for taken in &copy.sources {
            match taken.select(view) {
                Ok(found) if !found.is_empty() => {}
                Ok(_) | Err(CopyError::NoMatch { .. }) => {
                    if is_alone {
                        report_pattern(copy, taken, context, findings);
                    }
                }
                Err(CopyError::Missing { path, near, .. }) => {
                    report_path(subject, taken, (&path, near), context, findings);
                }
                // What else is wrong is for lowering to say.
                Err(_) => {}
            }
        }
    }
}

fn report_path(
    subject: &Subject<'_>,
    taken: &Taken,
    (path, near): (&TreePath, Option<TreePath>),
    context: Context<'_>,
    findings: &mut Findings<'_>,
) {
    let bytes = path.as_bytes();
    let is_there = is_hidden(path, &(context.hidden)());
    match context.ignore.and_then(|ignore| Some((ignore, ignore.patterns.exclusion(bytes)?))) {
        Some((ignore, exclusion)) if is_there => {
            report_hidden(taken, &ignore, &exclusion, &taken.path, findings);
        }
        // A path that a line brings back is copied when it is named, even where a walk would leave it out.
        None if is_there => {}
        _ => {
            let message = format!("`{}` is not in the context", taken.path);
            let is_literal = subject.source.get(taken.span.range()) == Some(&*taken.path);
            let near = near.map(|near| near.to_string().trim_start_matches('/').to_owned());
            let draft = findings.add(taken.span, message);
            match near {
                Some(near) if is_literal => draft.suggest(taken.span, Some(&near)),
                Some(near) => draft.help(format!("did you mean `{near}`?")),
                None => draft.help("nothing there reads like it: the build fails here"),
            };
        }
    }
}

fn report_pattern(
    copy: &ContextCopy,
    taken: &Taken,
    context: Context<'_>,
    findings: &mut Findings<'_>,
) {
    // What is left out, as a tree.
    let hidden = (context.hidden)();
    let entry = |path: &TreePath| Entry::directory(path.clone(), Timestamp::default());
    let above = hidden.iter().flat_map(TreePath::ancestors).collect::<Vec<_>>();
    let entries = above.iter().chain(hidden.iter()).map(entry).collect();
    let view = View::new(vec![Arc::new(LayerManifest::new(entries))]);
    let found = taken.select(&view).ok().and_then(|found| found.tops().next());
    let exclusion = found.and_then(|path| {
        let ignore = context.ignore?;
        Some((ignore, ignore.patterns.exclusion(path.as_bytes())?, path.to_string()))
    });
    match exclusion {
        Some((ignore, exclusion, path)) => {
            let path = path.trim_start_matches('/');
            report_hidden(taken, &ignore, &exclusion, path, findings);
        }
        None => {
            let message = format!("nothing in the context matches `{}`", taken.path);
            let keyword = copy.keyword.name();
            findings.add(taken.span, message).help(format!("this {keyword} copies nothing"));
        }
    }
}

fn report_hidden(
    taken: &Taken,
    ignore: &IgnoreText<'_>,
    exclusion: &Exclusion<'_>,
    path: &str,
    findings: &mut Findings<'_>,
) {
    let (name, line) = (ignore.name, exclusion.line);
    let message = format!("line {line} of {name} leaves `{path}` out of the context");
    let file = ignore.file();
    let help = format!("take it in again with a line `!{path}` below, or do not copy it");
    let draft = findings.add(taken.span, message).help(help);
    draft.elsewhere(&file, ignore.span(line), "this leaves it out");
}
