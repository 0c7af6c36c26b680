//! # npm installs named versions
//!
//! Without versions an image that is built again has other packages than before, and a cached step
//! has old ones.
//!
//! ```dockerfile
//! FROM node:22
//! RUN npm install -g pnpm
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM node:22
//! RUN npm install -g pnpm@9.1.0
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
    Rule::hadolint("unpinned-npm-package", &["DL3016"], Severity::Warning, Check::Script(check));

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    for command in run.commands(&["npm"]) {
        let operands = command.operands(&["loglevel", "registry"]);
        let Some((subcommand, packages)) = operands.split_first() else { continue };
        if subcommand.text == "install" {
            let unpinned = packages.iter().copied().filter(|word| !is_pinned(&word.text));
            let unpinned: Vec<_> = unpinned.collect();
            if let Some(draft) = package::report_unpinned(findings, &unpinned, "pnpm@9.1.0") {
                package::pin(draft, run, &unpinned, ("npm", "@"));
            }
        }
    }
}

fn is_pinned(package: &str) -> bool {
    let is_repository = ["git://", "git+ssh://", "git+http://", "git+https://"];
    if is_repository.iter().any(|start| package.starts_with(start)) {
        return package.contains('#');
    }
    let is_file = ["/", "./", "../", "~/"].iter().any(|start| package.starts_with(start));
    let is_archive = [".tar", ".tar.gz", ".tgz"].iter().any(|ending| package.ends_with(ending));
    let name = package
        .strip_prefix('@')
        .map_or(package, |scoped| scoped.split_once('/').map_or("", |(_, name)| name));
    is_file || is_archive || name.contains('@')
}
