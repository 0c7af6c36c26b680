//! # FROM names declared arguments
//!
//! FROM sees only arguments that are declared in front of the first FROM, and those of the platforms.
//! A name that is none of them is empty.
//!
//! ```dockerfile
//! ARG VERSION=3.20
//! FROM alpine:${VERSIN}
//! ```
//!
//! Name an argument that is declared:
//!
//! ```dockerfile
//! ARG VERSION=3.20
//! FROM alpine:${VERSION}
//! ```
//!
//! **Fix**: unsafe, the nearest name is a guess.

use lapstrake_parser::{Instruction, Word, suggest};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;
use crate::value::{name_range, value};

pub(super) static RULE: Rule = Rule::buildkit("UndefinedArgInFrom", Check::Instruction(check));

fn check(subject: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    let Some(from) = instruction.from() else { return };
    report(subject, &from.image, findings);
    if let Some(platform) = &from.platform {
        report(subject, platform, findings);
    }
}

/// Each name once for each word.
fn report(subject: &Subject<'_>, word: &Word, findings: &mut Findings<'_>) {
    let globals = &subject.globals;
    let Some(value) = value(word, &globals.values, subject.dockerfile.escape) else { return };
    let mut seen: Vec<&str> = Vec::new();
    for reference in &value.undefined {
        let name = reference.name.as_str();
        if globals.declared.iter().any(|known| known == name) || seen.contains(&name) {
            continue;
        }
        seen.push(name);
        let known = globals.declared.iter().map(String::as_str).chain(globals.values.names());
        let place = word.span_of(name_range(word.as_str(), reference));
        let draft = findings
            .add(place, format!("no argument `{name}` is declared"))
            .help(format!("declare it in front of the first FROM: `ARG {name}=…`"));
        draft.suggest(place, suggest(name, known));
    }
}
