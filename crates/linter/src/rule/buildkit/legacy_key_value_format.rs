//! # ENV and LABEL with an equals sign
//!
//! The old form `ENV key value` sets one variable to the rest of the line. It cannot set two, and who
//! writes `ENV a=1 b` or forgets a quote does not notice.
//!
//! ```dockerfile
//! FROM alpine
//! ENV GREETING hello there
//! ```
//!
//! Write `=`, and quotes around blanks:
//!
//! ```dockerfile
//! FROM alpine
//! ENV GREETING="hello there"
//! ```
//!
//! **Fix**: safe. Not offered where the value has quotes or escapes beside blanks.

use lapstrake_parser::{InstructionKind, KeyValue, Safety, Span};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::walk::Step;

pub(super) static RULE: Rule = Rule::buildkit("LegacyKeyValueFormat", Check::Step(check));

fn check(step: &Step<'_>, findings: &mut Findings<'_>) {
    let (InstructionKind::Env(pairs) | InstructionKind::Label(pairs)) = &step.instruction.kind
    else {
        return;
    };
    let name = step.instruction.kind.keyword().name();
    for pair in pairs.iter().filter(|pair| pair.legacy) {
        let span = pair.key.span().cover(pair.value.span());
        let draft = findings.add(span, format!("`{name} key value` is the old form"));
        match value(pair, step.subject.dockerfile.escape) {
            Some(value) => {
                let between = Span::new(pair.key.span().end, pair.value.span().end);
                draft
                    .help(format!("write `{name} {}={value}`", pair.key.as_str()))
                    .fix(Safety::Safe, [(between, format!("={value}"))]);
            }
            None => {
                draft.help(format!("write `{name} key=value`, with quotes around blanks"));
            }
        }
    }
}

/// The value as it is written behind a `=`; nothing if that is not obvious.
fn value(pair: &KeyValue, escape: char) -> Option<String> {
    let text = pair.value.as_str();
    if !text.contains(char::is_whitespace) {
        return Some(text.to_owned());
    }
    let is_plain = !text.contains(['"', '\'', escape]);
    is_plain.then(|| format!("\"{text}\""))
}
