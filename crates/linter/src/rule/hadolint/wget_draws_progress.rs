//! # wget says little
//!
//! wget draws its progress: thousands of lines in the log of a build.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN wget https://example.com/big.tar
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN wget --progress=dot:giga https://example.com/big.tar
//! ```
//!
//! **Fix**: unsafe: the wget of BusyBox has no such flag, and wants `-q`.

use lapstrake_parser::{Safety, Severity, Span};

use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::run::Run;

pub(super) static RULE: Rule =
    Rule::hadolint("wget-draws-progress", &["DL3047"], Severity::Info, Check::Script(check))
        .confident(Confidence::Medium);

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    for command in run.commands(&["wget"]) {
        if command.has_any_flag(&QUIET) || command.has_argument("-nv") {
            continue;
        }
        let draft = findings.add(command.name_span(), "wget draws its progress into the log");
        let draft = draft.help("write `wget --progress=dot:giga`, or `wget -q`");
        let end = Span::point(command.name_span().end);
        draft.fix(Safety::Unsafe, [(end, " --progress=dot:giga".to_owned())]);
    }
}

/// With one of these flags wget says little.
const QUIET: [&str; 8] =
    ["progress", "q", "quiet", "o", "output-file", "a", "append-output", "no-verbose"];
