//! # Protocols in small letters
//!
//! Image configs have `80/tcp`. A protocol that is written in capitals is taken, and not what then is
//! shown or looked for.
//!
//! ```dockerfile
//! FROM alpine
//! EXPOSE 80/TCP
//! ```
//!
//! Write it small:
//!
//! ```dockerfile
//! FROM alpine
//! EXPOSE 80/tcp
//! ```
//!
//! **Fix**: safe, the image is the same.

use lapstrake_parser::{InstructionKind, Safety};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::value::ports;
use crate::walk::Step;

pub(super) static RULE: Rule = Rule::buildkit("ExposeProtoCasing", Check::Step(check));

fn check(step: &Step<'_>, findings: &mut Findings<'_>) {
    let InstructionKind::Expose(words) = &step.instruction.kind else { return };
    for port in ports(words, &step.state.environment, step.subject.dockerfile.escape) {
        let Some((numbers, protocol)) = port.text.rsplit_once('/') else { continue };
        let small = protocol.to_lowercase();
        if small == protocol {
            continue;
        }
        let draft = findings
            .add(port.span, format!("the protocol `{protocol}` has capital letters"))
            .help(format!("write `{small}`"));
        if port.is_literal {
            draft.fix(Safety::Safe, [(port.span, format!("{numbers}/{small}"))]);
        }
    }
}
