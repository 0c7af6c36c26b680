//! # zypper installs named versions
//!
//! Without versions an image that is built again has other packages than before, and a cached step
//! has old ones.
//!
//! ```dockerfile
//! FROM opensuse/leap:15.6
//! RUN zypper install -y jq && zypper clean
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM opensuse/leap:15.6
//! RUN zypper install -y jq=1.6 && zypper clean
//! ```
//!
//! **Fix**: unsafe, where the last build is in the store: the versions that it installed are named. Else none: which ones there are is
//! not known here.

use lapstrake_parser::Severity;

use crate::finding::Findings;
use crate::package;
use crate::rule::{Check, Rule};
use crate::run::Run;

pub(super) static RULE: Rule =
    Rule::hadolint("unpinned-zypper-package", &["DL3037"], Severity::Warning, Check::Script(check));

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    for command in run.commands(&["zypper"]) {
        if !command.has_any_argument(&["install", "in"]) {
            continue;
        }
        let mut packages = command.operands(&[]);
        packages.retain(|word| !matches!(word.text.as_str(), "install" | "in"));
        packages
            .retain(|word| !word.text.contains(['=', '<', '>']) && !word.text.ends_with(".rpm"));
        if let Some(draft) = package::report_unpinned(findings, &packages, "jq=1.6") {
            package::pin(draft, run, &packages, ("rpm", "="));
        }
    }
}
