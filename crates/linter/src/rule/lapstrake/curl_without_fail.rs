//! # curl fails when the server does
//!
//! Without `--fail` curl takes the page of an error for what was asked for: the RUN goes on with a page that says 404 in the
//! place of the file, and it is cached. Looks at downloads that are kept or handed on; quiet where a checksum is compared,
//! and where the status is asked for.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN curl -L https://example.com/tool.tar.gz | tar xz
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN curl -fL https://example.com/tool.tar.gz | tar xz
//! ```
//!
//! **Fix**: unsafe: `-f`. A RUN that went on with an error stops then.

use lapstrake_parser::{Safety, Severity, Span};

use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::run::Run;

pub(super) static RULE: Rule = Rule::own("curl-without-fail", Severity::Info, Check::Script(check))
    .strict()
    .confident(Confidence::Medium);

/// Flags by which it fails, or by which the status is looked at.
const LOOKS: [&str; 7] = ["f", "fail", "fail-with-body", "fail-early", "w", "write-out", "I"];

/// Flags for something else than a download.
const OTHERS: [&str; 6] = ["V", "version", "h", "help", "head", "K"];

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    let is_checked = run.checks_downloads();
    for command in run.commands(&["curl"]).filter(|_| !is_checked) {
        let is_local =
            |text: &str| ["localhost", "127.0.0.1", "file://"].iter().any(|own| text.contains(own));
        let names_one = command.arguments().iter().any(|word| word.text.contains("://"));
        let is_here = command.arguments().iter().any(|word| is_local(&word.text));
        if names_one && !is_here && !command.has_any_flag(&LOOKS) && !command.has_any_flag(&OTHERS)
        {
            let behind = Span::point(command.name_span().end);
            let message = "this takes the page of an error for the file";
            let draft = findings.add(command.name_span(), message).help("add `-f`: it fails then");
            draft.fix(Safety::Unsafe, [(behind, " -f".to_owned())]);
        }
    }
}
