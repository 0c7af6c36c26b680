//! # Nobody logs in to a container over the network
//!
//! A port of ssh, telnet, remote desktops or Docker itself is a second way in, with passwords and keys of its own. `docker exec` and
//! the like need none.
//!
//! ```dockerfile
//! FROM debian:12
//! EXPOSE 22 8080
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! EXPOSE 8080
//! ```
//!
//! **Fix**: none: the image may be there for that.

use lapstrake_parser::{Instruction, InstructionKind, Severity};

use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule = Rule::own("ssh-exposed", Severity::Info, Check::Instruction(check))
    .strict()
    .confident(Confidence::Medium);

/// Ports (IANA's registry) that are there to administer a machine.
const PORTS: [(u16, &str); 6] = [
    (22, "ssh"),
    (23, "telnet"),
    (2375, "Docker"),
    (2376, "Docker"),
    (3389, "remote desktops"),
    (5900, "VNC"),
];

fn check(_: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    let InstructionKind::Expose(ports) = &instruction.kind else { return };
    for word in ports {
        let numbers = word.as_str().strip_suffix("/tcp").unwrap_or(word.as_str());
        let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
        let (Ok(first), Ok(last)) = (first.parse::<u16>(), last.parse::<u16>()) else { continue };
        if let Some((port, what)) = PORTS.iter().find(|(port, _)| (first..=last).contains(port)) {
            let message = match first == last {
                true => format!("this is the port of {what}"),
                false => format!("the port of {what}, {port}, is among these"),
            };
            let draft = findings.add(word.span(), message);
            draft.help("leave it out: `docker exec` needs no port");
        }
    }
}
