//! # yarn keeps no cache
//!
//! What yarn keeps for the next installation stays in the image, where there is none.
//!
//! ```dockerfile
//! FROM node:22
//! RUN yarn install --frozen-lockfile
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM node:22
//! RUN yarn install --frozen-lockfile && yarn cache clean
//! ```
//!
//! **Fix**: safe: the cache is all that changes. None for a RUN that is an array, ends with `exit`, or goes on in the
//! background.

use lapstrake_parser::{Safety, Severity, Stage};

use crate::amend;
use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::run::Run;
use crate::shell::Command;
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::hadolint("yarn-cache-kept", &["DL3060"], Severity::Info, Check::Stage(check))
        .recommended()
        .of_size()
        .instead_of(&["cache-in-layer"]);

fn check(subject: &Subject<'_>, stage: &Stage<'_>, findings: &mut Findings<'_>) {
    if !subject.is_last_or_base(stage) {
        return;
    }
    for instruction in stage.instructions {
        let Some(run) = Run::of(subject, instruction) else { continue };
        if run.has_mount(".cache/yarn") {
            continue;
        }
        let installs =
            |command: &Command| command.name() == "yarn" && command.has_argument("install");
        let cleans = |command: &Command| command.name() == "yarn" && command.has_argument("clean");
        let commands = run.script.commands.iter();
        let last = commands.rev().find(|command| installs(command) || cleans(command));
        if let Some(install) = last.filter(|command| installs(command)) {
            let draft = findings.add(install.span(), "the cache of yarn stays in the image");
            let draft = draft.help("end the RUN with `yarn cache clean`, or mount a cache");
            let edit = amend::append(&run, install, "yarn cache clean");
            draft.fix_all(Safety::Safe, edit);
        }
    }
}
