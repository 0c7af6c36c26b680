//! # gem installs named versions
//!
//! Without versions an image that is built again has other packages than before, and a cached step
//! has old ones.
//!
//! ```dockerfile
//! FROM ruby:3.3
//! RUN gem install puma
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM ruby:3.3
//! RUN gem install puma:6.4.2
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
    Rule::hadolint("unpinned-gem", &["DL3028"], Severity::Warning, Check::Script(check));

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    for command in run.commands(&["gem"]) {
        if !command.has_any_argument(&["install", "i"]) || command.has_any_flag(&["v", "version"]) {
            continue;
        }
        let before = command.arguments().iter().take_while(|word| word.text != "--");
        let before = before.filter(|word| !word.text.starts_with('-')).count();
        let mut gems = command.operands(&[]);
        gems.truncate(before);
        gems.retain(|word| {
            !matches!(word.text.as_str(), "install" | "i") && !word.text.contains(':')
        });
        if let Some(draft) = package::report_unpinned(findings, &gems, "puma:6.4.2") {
            package::pin(draft, run, &gems, ("gem", ":"));
        }
    }
}
