//! # A RUN stays in its sandbox
//!
//! `RUN --security=insecure` gives commands all rights on the building machine, `--network=host` its network: a package that runs
//! something when it is installed has them, too. A builder only does it if it was told to allow it.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN --security=insecure make
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN make
//! ```
//!
//! **Fix**: none: what needs the rights has to do without first.

use lapstrake_parser::{Instruction, Severity};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::own("sandbox-off", Severity::Warning, Check::Instruction(check)).strict();

fn check(_: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    for (flag, value, what) in [
        ("security", "insecure", "the commands have all rights on the building machine"),
        ("network", "host", "the commands are in the network of the building machine"),
    ] {
        let given = instruction.flag(flag).and_then(|flag| flag.value.as_ref());
        if let Some(word) = given.filter(|word| word.as_str() == value) {
            findings.add(word.span(), what).help(format!("leave out `--{flag}={value}`"));
        }
    }
}
