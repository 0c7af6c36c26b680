//! # yum installs named versions
//!
//! Without versions an image that is built again has other packages than before, and a cached step
//! has old ones.
//!
//! ```dockerfile
//! FROM fedora:40
//! RUN yum install -y jq && yum clean all
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM fedora:40
//! RUN yum install -y jq-1.7 && yum clean all
//! ```
//!
//! **Fix**: unsafe, where the last build is in the store: the versions that it installed are named. Else none: which
//! versions there are is not known here.

use lapstrake_parser::Severity;

use crate::finding::Findings;
use crate::package;
use crate::rule::{Check, Rule};
use crate::run::Run;

pub(super) static RULE: Rule =
    Rule::hadolint("unpinned-yum-package", &["DL3033"], Severity::Warning, Check::Script(check));

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    for command in run.commands(&["yum"]).filter(|command| command.has_argument("install")) {
        let is_module = command.has_argument("module");
        let mut packages = command.operands(&[]);
        packages.retain(|word| !matches!(word.text.as_str(), "install" | "module"));
        packages.retain(|word| match is_module {
            true => !word.text.contains(':'),
            false => !package::has_rpm_version(run, &word.text),
        });

        if let Some(draft) = package::report_unpinned(findings, &packages, "jq-1.7") {
            package::pin(draft, run, &packages, ("rpm", "-"));
        }
    }
}
