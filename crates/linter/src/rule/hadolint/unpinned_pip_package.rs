//! # pip installs named versions
//!
//! Without versions an image that is built again has other packages than before, and a cached step
//! has old ones.
//!
//! ```dockerfile
//! FROM python:3.12
//! RUN pip install --no-cache-dir flask
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM python:3.12
//! RUN pip install --no-cache-dir flask==3.0.3
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
    Rule::hadolint("unpinned-pip-package", &["DL3013"], Severity::Warning, Check::Script(check));

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    for command in run.script.commands.iter().filter(|command| package::is_pip_install(command)) {
        if command.has_any_flag(&["r", "requirement", "c", "constraint"]) {
            continue;
        }
        let mut packages = command.operands(&WITH_VALUE);
        // With `-m pip install` the first two are pip's own words.
        let own = if command.has_flag("m") { 2 } else { 1 };
        packages.drain(..own.min(packages.len()));
        packages.retain(|word| !is_pinned(&word.text));
        if let Some(draft) = package::report_unpinned(findings, &packages, "flask==3.0.3") {
            package::pin(draft, run, &packages, ("pypi", "=="));
        }
    }
}

fn is_pinned(package: &str) -> bool {
    let remote = ["git+", "hg+", "svn+", "bzr+"].iter().any(|start| package.starts_with(start));
    let operators = ["==", ">=", "<=", ">", "<", "!=", "~=", "==="];
    match remote {
        true => package.contains('@'),
        false => {
            operators.iter().any(|operator| package.contains(operator))
                || package == "."
                || package.contains('/')
                || package.ends_with(".whl")
                || package.ends_with(".tar.gz")
        }
    }
}

/// Flags of pip that take a value.
const WITH_VALUE: [&str; 26] = [
    "abi",
    "b",
    "build",
    "e",
    "editable",
    "extra-index-url",
    "f",
    "find-links",
    "i",
    "index-url",
    "implementation",
    "no-binary",
    "only-binary",
    "platform",
    "prefix",
    "progress-bar",
    "proxy",
    "python-version",
    "root",
    "src",
    "t",
    "target",
    "trusted-host",
    "upgrade-strategy",
    "cert",
    "timeout",
];
