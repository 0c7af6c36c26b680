//! # zypper upgrades nothing as a whole
//!
//! `zypper dist-upgrade` makes another release of the base image, whatever that is on the day.
//!
//! ```dockerfile
//! FROM opensuse/leap:15.6
//! RUN zypper -n dup
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM opensuse/leap:15.6
//! RUN zypper refresh
//! ```
//!
//! **Fix**: none: a newer base image is what is wanted.

use lapstrake_parser::Severity;

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::run::Run;

pub(super) static RULE: Rule =
    Rule::hadolint("zypper-upgrades-all", &["DL3035"], Severity::Warning, Check::Script(check));

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    for command in run.commands(&["zypper"]) {
        if command.has_any_argument(&["dist-upgrade", "dup"]) {
            let draft =
                findings.add(command.span(), "this makes another release of the base image");
            draft.help("start from a newer image");
        }
    }
}
