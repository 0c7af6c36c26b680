//! # Comments above stages and arguments describe them
//!
//! `lap build --call outline` and `--call targets` show the comment above an ARG or a named FROM as its
//! description, if it begins with the name. Another comment there may be meant as one, and is not shown.
//! Only looks when it is asked to: `# check=experimental=InvalidDefinitionDescription`.
//!
//! ```dockerfile
//! # the version of the base
//! ARG VERSION=3.20
//! ```
//!
//! Begin with the name, or put an empty comment between:
//!
//! ```dockerfile
//! # VERSION is the version of the base
//! ARG VERSION=3.20
//! ```
//!
//! **Fix**: unsafe, the words may want to be others.

use lapstrake_parser::{Instruction, InstructionKind, Safety, Span};

use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::buildkit("InvalidDefinitionDescription", Check::Instruction(check))
        .experimental()
        .confident(Confidence::Medium);

fn check(_: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    let comments = instruction.comments();
    let Some(comment) = comments.last() else { return };
    let names: Vec<(String, Span)> = match &instruction.kind {
        InstructionKind::From(from) => {
            from.name.iter().map(|name| (name.value.to_lowercase(), name.span)).collect()
        }
        InstructionKind::Arg(declarations) => {
            let names = declarations.iter().map(|declaration| &declaration.name);
            names.map(|name| (name.as_str().to_owned(), name.span())).collect()
        }
        _ => return,
    };
    let Some((first, span)) = names.first() else { return };
    let word = comment.value.split(' ').next().unwrap_or_default();
    if names.iter().any(|(name, _)| name == word) {
        return;
    }
    let name = if names.len() > 1 { "NAME" } else { first.as_str() };
    let draft = findings
        .add(*span, "the comment above does not begin with the name that it describes")
        .label(comment.span, "this is not shown as a description")
        .help(format!("write `# {name} …`, or put a line with only `#` between"));
    if names.len() == 1 {
        let start = Span::point(comment.span.start);
        draft.fix(Safety::Unsafe, [(start, format!("{first} "))]);
    }
}
