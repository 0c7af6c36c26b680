//! # zypper cleans up
//!
//! What zypper fetched stays in the image unless the same RUN removes it.
//!
//! ```dockerfile
//! FROM fedora:40
//! RUN zypper install -y jq-1.7
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM fedora:40
//! RUN zypper install -y jq-1.7 && zypper clean --all
//! ```
//!
//! **Fix**: safe: the cache is all that changes. None for a RUN that is an array, ends with `exit`, or goes on in the
//! background.

use lapstrake_parser::{Safety, Severity};

use crate::amend;
use crate::finding::Findings;
use crate::package;
use crate::rule::{Check, Rule};
use crate::run::Run;
use crate::shell::Command;

pub(super) static RULE: Rule =
    Rule::hadolint("zypper-cache-kept", &["DL3036"], Severity::Warning, Check::Script(check))
        .recommended()
        .of_size()
        .instead_of(&["cache-in-layer"]);

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    if ["/var/cache/zypp"].iter().any(|path| run.has_mount(path)) {
        return;
    }
    for (at, command) in run.numbered(&["zypper"]) {
        let is_clean = |later: &Command| {
            later.name() == command.name() && later.has_any_argument(&["clean", "cc"])
        };
        if command.has_any_argument(&["install", "in"]) && !package::is_cleaned(run, at, is_clean) {
            let draft = findings.add(command.name_span(), "what was fetched stays in the image");
            let clean = format!("{} clean --all", command.name());
            let draft = draft.help(format!("end the RUN with `{clean}`"));
            draft.fix_all(Safety::Safe, amend::append(run, command, &clean));
            return;
        }
    }
}
