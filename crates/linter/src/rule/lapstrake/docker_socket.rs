//! # The socket of Docker is no part of an image
//!
//! Whoever can write to `docker.sock` is root on the machine. Named by VOLUME, or as the target of a mount, it makes
//! containers that are meant to have it; a build cannot use it in any case.
//!
//! ```dockerfile
//! FROM docker:cli
//! VOLUME /var/run/docker.sock
//! ```
//!
//! Better, for who means it to say so when the container starts:
//!
//! ```dockerfile
//! FROM docker:cli
//! ```
//!
//! **Fix**: none: what needs the socket has to be told otherwise.

use lapstrake_parser::{Instruction, InstructionKind, Severity, Span};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::own("docker-socket", Severity::Warning, Check::Instruction(check));

fn check(_: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    let places: Vec<Span> = match &instruction.kind {
        InstructionKind::Volume(volume) => {
            let paths = volume.paths.iter().filter(|path| path.as_str().contains("docker.sock"));
            paths.map(lapstrake_parser::Word::span).collect()
        }
        InstructionKind::Run(_) => {
            let mounts = instruction.flags_named("mount").filter_map(|flag| flag.value.as_ref());
            mounts
                .filter(|mount| mount.as_str().contains("docker.sock"))
                .map(lapstrake_parser::Word::span)
                .collect()
        }
        _ => return,
    };
    for place in places {
        let draft = findings.add(place, "who can write to this socket is root on the machine");
        draft.help("leave it out; who trusts the container mounts it: `docker run -v /var/run/docker.sock:…`");
    }
}
