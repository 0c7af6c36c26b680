//! # The index is fetched where it is used
//!
//! A RUN that only fetches the list of packages is cached. When a RUN below changes, it installs by that old list:
//! versions that are no longer on the mirror, or that have holes. Looks for a RUN below, in the same stage, that installs
//! without a list of its own.
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
//! **Fix**: none: what belongs together is for the author to say.

use lapstrake_parser::{Severity, Stage};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::run::Run;
use crate::shell::Command;
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::own("index-update-alone", Severity::Warning, Check::Stage(check));

/// Programs, and their commands that use the list.
const PROGRAMS: [(&[&str], &[&str]); 2] = [
    (
        &["apt-get", "apt", "aptitude"],
        &["install", "upgrade", "dist-upgrade", "full-upgrade", "build-dep", "source", "download"],
    ),
    (&["apk"], &["add", "upgrade", "fetch"]),
];

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    let runs: Vec<Run<'_>> =
        stage.instructions.iter().filter_map(|one| Run::of(subject, one)).collect();
    for (programs, users) in PROGRAMS {
        // The update that what follows goes by, while it stands alone.
        let mut alone: Option<&Command> = None;
        for run in runs.iter().filter(|run| !run.is_trigger) {
            let is_fresh = |command: &Command| {
                command.has_any_argument(&["--update", "--update-cache", "-U", "--no-cache"])
            };
            let update = run.commands(programs).find(|command| command.has_argument("update"));
            let user = run.commands(programs).find(|command| command.has_any_argument(users));
            match (update, user, alone) {
                (Some(_), Some(_), _) => alone = None,
                (Some(update), None, _) => alone = Some(update),
                (None, Some(user), Some(update)) if !is_fresh(user) => {
                    let message = "the list that this fetches is cached, and grows old";
                    let draft = findings
                        .add(update.span(), message)
                        .label(user.span(), "this installs by it");
                    draft.help("fetch it in the RUN that installs: join the two by `&&`");
                    alone = None;
                }
                _ => {}
            }
        }
    }
}
