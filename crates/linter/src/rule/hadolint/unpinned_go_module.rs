//! # go installs named versions
//!
//! What `@latest` is, or no version at all, changes from build to build.
//!
//! ```dockerfile
//! FROM golang:1.23
//! RUN go install example.com/x/y@latest
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM golang:1.23
//! RUN go install example.com/x/y@v1.2.3
//! ```
//!
//! **Fix**: none: which versions there are is not known here.

use lapstrake_parser::Severity;

use crate::finding::Findings;
use crate::package;
use crate::rule::{Check, Rule};
use crate::run::Run;

pub(super) static RULE: Rule =
    Rule::hadolint("unpinned-go-module", &["DL3062"], Severity::Warning, Check::Script(check));

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    for command in run.commands(&["go"]) {
        let mut operands = command
            .operands(&["o", "ldflags", "tags", "mod", "C", "p", "gcflags", "asmflags"])
            .into_iter();
        let Some(subcommand) = operands.next() else { continue };
        let mut packages: Vec<_> = match subcommand.text.as_str() {
            "install" | "get" => operands.collect(),
            "run" => operands.take(1).collect(),
            _ => continue,
        };
        packages.retain(|word| !is_pinned(&word.text));
        package::report_unpinned(findings, &packages, "example.com/x/y@v1.2.3");
    }
}

fn is_pinned(package: &str) -> bool {
    let is_moving = package.ends_with("@latest") || package.ends_with("@none");
    package.starts_with(['.', '/']) || (package.contains('@') && !is_moving)
}
