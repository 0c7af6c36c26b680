//! # Each stage has a name of its own
//!
//! Of two stages of one name, everything behind the second one means the second one; the first can
//! only be reached from between them, or by its number. Names are compared in small letters.
//!
//! ```dockerfile
//! FROM alpine AS build
//! FROM debian AS build
//! ```
//!
//! Give one of them another name:
//!
//! ```dockerfile
//! FROM alpine AS build-alpine
//! FROM debian AS build-debian
//! ```
//!
//! **Fix**: none, which one a later reference means is for the author to say.

use lapstrake_parser::Stage;

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::buildkit("DuplicateStageName", Check::File(check)).alias(&["DL3024"]);

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let names: Vec<_> = subject.stages.iter().map(Stage::name).collect();
    for (at, stage) in subject.stages.iter().enumerate() {
        let (Some(written), Some(name)) = (&stage.from.name, names.get(at)) else { continue };
        let Some(first) = names.iter().position(|other| other == name).filter(|first| *first < at)
        else {
            continue;
        };
        let draft = findings
            .add(written.span, format!("a stage named `{}` is already there", written.value))
            .help("give one of them another name");
        let first = subject.stages.get(first).and_then(|first| first.from.name.as_ref());
        if let Some(first) = first {
            draft.label(first.span, "the first one");
        }
    }
}
