//! # apk keeps no index
//!
//! Without `--no-cache` the index of all packages stays in the image.
//!
//! ```dockerfile
//! FROM alpine:3.20
//! RUN apk add jq=~1.7
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM alpine:3.20
//! RUN apk add --no-cache jq=~1.7
//! ```
//!
//! **Fix**: safe: the index is all that changes.

use lapstrake_parser::{Safety, Severity, Span};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::run::Run;

pub(super) static RULE: Rule =
    Rule::hadolint("apk-index-kept", &["DL3019"], Severity::Info, Check::Script(check))
        .recommended()
        .of_size()
        .instead_of(&["cache-in-layer"]);

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    if run.has_mount("/var/cache/apk") {
        return;
    }
    for command in run.commands(&["apk"]) {
        let Some(add) = command.arguments().iter().find(|word| word.text == "add") else {
            continue;
        };
        if command.has_flag("no-cache") {
            continue;
        }
        let draft = findings.add(add.span, "the index of packages stays in the image");
        let draft = draft.help("write `add --no-cache`");
        draft.fix(Safety::Safe, [(Span::point(add.span.end), " --no-cache".to_owned())]);
    }
}
