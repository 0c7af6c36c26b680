//! # Users and groups have ids of their own
//!
//! Two users with one id own the same files and may do the same, whatever their names say; with id 0 that is everything. A name that is
//! there twice means the first. Looks at `/etc/passwd` and `/etc/group` as the last build left them, if it is in the store and wrote them.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN useradd --non-unique --uid 0 admin
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN useradd --uid 1000 admin
//! ```
//!
//! **Fix**: none: which one is to have another id is not known.

use std::collections::BTreeMap;

use lapstrake_parser::{Severity, Stage};

use crate::finding::Findings;
use crate::layer::last_written;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::own("duplicate-user", Severity::Warning, Check::Stage(check)).strict();

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    if !subject.is_target(stage) {
        return;
    }
    for (path, what) in [("/etc/passwd", "user"), ("/etc/group", "group")] {
        let Some(file) = last_written(subject, stage, path).filter(|file| !file.is_of_base) else {
            continue;
        };
        let text = String::from_utf8_lossy(&file.content);
        if let Some((number, shared)) = shared(&text) {
            let (one, other) = shared;
            let message = match one == other {
                true => format!("the {what} `{one}` is there twice"),
                false => format!("the {what}s `{one}` and `{other}` have one id, {number}"),
            };
            findings.add(file.place, message).help(format!("{path} says so in the last build"));
        }
    }
}

/// The first two lines with one name or one id (passwd(5), group(5)): the id, and both names.
fn shared(text: &str) -> Option<(&str, (&str, &str))> {
    let (mut ids, mut names) = (BTreeMap::new(), BTreeMap::new());
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, id) = (fields.next()?, fields.nth(1)?);
        if name.is_empty() || name.starts_with(['#', '+', '-']) || id.parse::<u32>().is_err() {
            return None;
        }
        let by_name = names.insert(name, name);
        let before = by_name.or(ids.insert(id, name))?;
        Some((id, (before, name)))
    })
}
