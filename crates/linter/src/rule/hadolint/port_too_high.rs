//! # Ports end at 65535
//!
//! There is no port above, and the build fails where the image would get one.
//!
//! ```dockerfile
//! FROM debian:12
//! EXPOSE 70000
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! EXPOSE 7000
//! ```
//!
//! **Fix**: none: which port is meant is for the author to say.

use lapstrake_parser::{Instruction, InstructionKind, Severity};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::hadolint("port-too-high", &["DL3011"], Severity::Error, Check::Instruction(check))
        .recommended();

fn check(_: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    let InstructionKind::Expose(words) = &instruction.kind else { return };
    for word in words.iter().filter(|word| !word.as_str().contains('$')) {
        let text = word.as_str().trim_matches(['"', '\'']);
        let own = text.rsplit(':').next().unwrap_or(text);
        let numbers = own.split('/').next().unwrap_or(own);
        if let Some(port) = numbers.split('-').find(|bound| is_too_high(bound)) {
            findings
                .add(word.span(), format!("there is no port {port}"))
                .help("the highest one is 65535");
        }
    }
}

/// True for a number that no port has, however long it is.
fn is_too_high(number: &str) -> bool {
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let digits = number.trim_start_matches('0');
    is_number && !digits.is_empty() && digits.parse::<u16>().is_err()
}
