//! # EXPOSE takes ports of the container
//!
//! An image cannot say at which address or port of a host it is reached: `docker run -p` does. What
//! stands there is not used, and will not be accepted for ever.
//!
//! ```dockerfile
//! FROM alpine
//! EXPOSE 127.0.0.1:8080:80
//! ```
//!
//! Name the port of the container:
//!
//! ```dockerfile
//! FROM alpine
//! EXPOSE 80
//! ```
//!
//! **Fix**: safe, the image is the same.

use lapstrake_parser::{InstructionKind, Safety};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::value::ports;
use crate::walk::Step;

pub(super) static RULE: Rule = Rule::buildkit("ExposeInvalidFormat", Check::Step(check));

fn check(step: &Step<'_>, findings: &mut Findings<'_>) {
    let InstructionKind::Expose(words) = &step.instruction.kind else { return };
    for port in ports(words, &step.state.environment, step.subject.dockerfile.escape) {
        let Some((host, own)) = port.text.rsplit_once(':') else { continue };
        if matches!(host, "" | ":") {
            continue;
        }
        let draft = findings
            .add(port.span, format!("`{host}` is not used: an image has no ports of a host"))
            .help(format!("write `{own}`"));
        if port.is_literal {
            draft.fix(Safety::Safe, [(port.span, own.to_owned())]);
        }
    }
}
