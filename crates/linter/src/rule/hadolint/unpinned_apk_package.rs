//! # apk installs named versions
//!
//! Without versions an image that is built again has other packages than before, and a cached step
//! has old ones.
//!
//! ```dockerfile
//! FROM alpine:3.20
//! RUN apk add --no-cache jq
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM alpine:3.20
//! RUN apk add --no-cache jq=~1.7
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
    Rule::hadolint("unpinned-apk-package", &["DL3018"], Severity::Warning, Check::Script(check));

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    for command in run.commands(&["apk"]).filter(|command| command.has_argument("add")) {
        let mut packages = command.operands(&["t", "virtual", "repository", "X"]);
        packages.retain(|word| word.text != "add" && !is_pinned(&word.text));
        if let Some(draft) = package::report_unpinned(findings, &packages, "jq=~1.7") {
            package::pin(draft, run, &packages, ("apk", "="));
        }
    }
}

fn is_pinned(package: &str) -> bool {
    package.contains(['=', '<', '>', '~']) || package.ends_with(".apk")
}
