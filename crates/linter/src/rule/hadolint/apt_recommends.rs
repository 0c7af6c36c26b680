//! # apt-get installs what is asked for
//!
//! apt-get installs what packages recommend as well, often more than the packages themselves.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN apt-get update && apt-get install -y jq=1.6-2.1
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN apt-get update && apt-get install -y --no-install-recommends jq=1.6-2.1
//! ```
//!
//! **Fix**: unsafe: what was recommended may be needed.

use lapstrake_parser::{Safety, Severity, Span};

use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::run::Run;

pub(super) static RULE: Rule =
    Rule::hadolint("apt-recommends", &["DL3015"], Severity::Info, Check::Script(check))
        .confident(Confidence::Low);

fn check(run: &Run<'_>, findings: &mut Findings<'_>) {
    for command in run.commands(&["apt-get"]) {
        let Some(install) = command.arguments().iter().find(|word| word.text == "install") else {
            continue;
        };
        if command.has_flag("no-install-recommends")
            || command.arguments().iter().any(|word| turns_off(&word.text))
        {
            continue;
        }
        let draft = findings.add(install.span, "what packages recommend is installed as well");
        let draft = draft.help("write `install --no-install-recommends`");
        let end = Span::point(install.span.end);
        draft.fix(Safety::Unsafe, [(end, " --no-install-recommends".to_owned())]);
    }
}

fn turns_off(option: &str) -> bool {
    let value = option.split_once("APT::Install-Recommends=").map(|(_, value)| value);
    matches!(value, Some("false" | "0" | "no"))
}
