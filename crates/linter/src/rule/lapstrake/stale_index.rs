//! # Packages are installed from lists of today
//!
//! An update of the package lists in a RUN of its own stays cached, and what is installed later is looked for in
//! lists that are as old as that: packages are old, or gone from the server. Looks at the last build, if it was made
//! here, and tells how old the lists are; from one day on.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN apt-get update
//! RUN apt-get install -y curl
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN apt-get update && apt-get install -y curl
//! ```
//!
//! **Fix**: none: the update may be there for other instructions as well.

use std::time::Duration;

use lapstrake_parser::{Severity, Span, Stage};

use crate::amount;
use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::run::Run;
use crate::subject::Subject;

pub(super) static RULE: Rule = Rule::own("stale-index", Severity::Warning, Check::Stage(check))
    .instead_of(&["index-update-alone"])
    .confident(Confidence::Medium);

/// Package managers with the words by which they fetch lists, and by which they install.
const MANAGERS: [(&[&str], &str, &str); 2] =
    [(&["apt-get", "apt"], "update", "install"), (&["apk"], "update", "add")];

/// Lists of today are new enough.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    if subject.known.stages.iter().all(|stage| stage.made.is_empty()) {
        return;
    }
    for manager in MANAGERS {
        look(subject, stage, manager, findings);
    }
}

fn look(
    subject: &Subject<'_>,
    stage: &Stage<'_>,
    (programs, update, install): (&[&str], &str, &str),
    findings: &mut Findings<'_>,
) {
    let mut lists: Option<(Span, Duration)> = None;
    for instruction in stage.instructions {
        let Some(run) = Run::of(subject, instruction) else { continue };
        let word = |word: &str| {
            run.script
                .commands
                .iter()
                .find(|command| programs.contains(&command.name()) && command.has_argument(word))
        };
        if let Some(updates) = word(update) {
            let age = subject.made(instruction).map(|made| made.age);
            lists = age.filter(|age| *age >= DAY).map(|age| (updates.span(), age));
        } else if let (Some(installs), Some((place, age))) = (word(install), lists) {
            // `apk add --no-cache` and the like fetch their own.
            if installs.has_any_argument(&["--no-cache", "--update", "--update-cache", "-U"]) {
                continue;
            }
            let days = usize::try_from(age.as_secs() / DAY.as_secs()).unwrap_or(usize::MAX);
            let days = amount::count(days, "day");
            let what = format!("the package lists that this installs from are {days} old");
            let draft = findings.add(installs.span(), what);
            draft.help("update them in the same RUN").label(place, "the cache has this from then");
            return;
        }
    }
}
