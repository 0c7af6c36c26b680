//! # apt-get installs named versions
//!
//! Without versions an image that is built again has other packages than before, and a cached step
//! has old ones.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN apt-get update && apt-get install -y jq && rm -rf /var/lib/apt/lists/*
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN apt-get update && apt-get install -y jq=1.6-2.1 && rm -rf /var/lib/apt/lists/*
//! ```
//!
//! **Fix**: unsafe, where the last build is in the store: the versions that it installed are named. Else none: which
//! there are is not known.

use lapstrake_parser::Severity;

use crate::finding::Findings;
use crate::package;
use crate::rule::{Check, Rule};
use crate::run::Run;

pub(super) static RULE: Rule =
    Rule::hadolint("unpinned-apt-package", &["DL3008"], Severity::Warning, Check::Script(check));

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    for command in run.commands(&["apt-get"]).filter(|command| command.has_argument("install")) {
        let mut packages = command.operands(&["t", "target-release"]);
        packages.retain(|word| word.text != "install" && !is_pinned(&word.text));
        if let Some(draft) = package::report_unpinned(findings, &packages, "jq=1.6-2.1") {
            package::pin(draft, run, &packages, ("deb", "="));
        }
    }
}

/// A version, a release, or a file.
fn is_pinned(package: &str) -> bool {
    package.contains(['=', '/']) || package.ends_with(".deb")
}
