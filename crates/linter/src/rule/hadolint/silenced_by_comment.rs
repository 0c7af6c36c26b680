//! # No comment silences a rule
//!
//! For those who do not want single instructions left out. Only looks when it is asked to:
//! `# check=experimental=silenced-by-comment`. Comments for a file or a stage do not count.
//!
//! ```dockerfile
//! FROM debian:12
//! # hadolint ignore=DL3008
//! RUN apt-get install -y jq
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN apt-get install -y jq=1.6-2.1
//! ```
//!
//! **Fix**: safe below the first instruction, the comment is taken out. Above, what follows it could
//! become a directive.

use lapstrake_parser::{Safety, Severity, Span};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;
use crate::suppression::comments_for_instructions;

pub(super) static RULE: Rule =
    Rule::hadolint("silenced-by-comment", &["DL1001"], Severity::Info, Check::File(check))
        .experimental();

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let instructions = &subject.dockerfile.instructions;
    let first = instructions.first().map_or(usize::MAX, |one| one.span.start);
    for line in comments_for_instructions(subject.source, subject.dockerfile) {
        let text = subject.source.get(line.range()).unwrap_or_default();
        let start = line.start + text.len() - text.trim_start().len();
        let span = Span::new(start, start + text.trim().len());
        let draft = findings.add(span, "the comment silences rules");
        if line.start > first {
            draft.fix(Safety::Safe, [(line, String::new())]);
        }
    }
}
