//! # No blank in front of `=`
//!
//! `ENV NAME =value` is the old form with a blank between name and value, so the value is `=value`, with the sign. The same
//! goes for `LABEL`, and for a blank behind the sign as well.
//!
//! ```dockerfile
//! FROM debian:12
//! ENV MODE = fast
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! ENV MODE=fast
//! ```
//!
//! **Fix**: doubtful: the blanks are taken out. Something may count on what is so.

use lapstrake_parser::{Instruction, InstructionKind, Safety, Severity, Span};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::own("space-before-equals", Severity::Warning, Check::Instruction(check))
        .instead_of(&["LegacyKeyValueFormat"]);

fn check(_: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    let (InstructionKind::Env(pairs) | InstructionKind::Label(pairs)) = &instruction.kind else {
        return;
    };
    for pair in pairs.iter().filter(|pair| pair.legacy) {
        let value = pair.value.as_str();
        let Some(rest) = value.strip_prefix('=').filter(|rest| !rest.starts_with('=')) else {
            continue;
        };
        let blanks = rest.len() - rest.trim_start().len();
        let message = format!("the value of `{}` begins with `=`", pair.key.as_str());
        let draft =
            findings.add(pair.value.span(), message).help("leave out the blanks around `=`");
        let is_plain = !rest.trim_start().contains([' ', '\t', '"', '\'', '\\']);
        if is_plain {
            let gone = pair.value.span_of(0..1 + blanks);
            draft.fix(Safety::Unsafe, [(Span::new(pair.key.span().end, gone.end), "=".to_owned())]);
        }
    }
}
