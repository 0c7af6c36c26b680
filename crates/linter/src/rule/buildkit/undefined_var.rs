//! # Variables are defined
//!
//! In the arguments of most instructions the builder puts variables in. One that neither ARG, ENV nor
//! the base image sets is empty, also where it has a default. A global ARG, in front of the first
//! FROM, is not seen in a stage until the stage declares it again.
//!
//! ```dockerfile
//! FROM alpine
//! ARG source=src
//! COPY $sorce /app
//! ```
//!
//! Name a variable that is there, or declare it:
//!
//! ```dockerfile
//! FROM alpine
//! ARG source=src
//! COPY $source /app
//! ```
//!
//! Commands of RUN, CMD and ENTRYPOINT are not looked at: in them the shell puts variables in. Where the
//! base image is not known, the presets `recommended` and `strict` only tell what it is unlikely to set: a name that is nearly
//! that of a variable, and one that is a global ARG. The preset `buildkit` takes it to set no variable but PATH.
//!
//! **Fix**: unsafe, the nearest name is a guess.

use lapstrake_parser::{ArgDeclaration, InstructionKind, suggest};

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::value::{Expandable, expandable, name_range};
use crate::walk::Step;

pub(super) static RULE: Rule = Rule::buildkit("UndefinedVar", Check::Step(check));

fn check(step: &Step<'_>, findings: &mut Findings<'_>) {
    if let InstructionKind::Arg(declarations) = &step.instruction.kind {
        return defaults(step, declarations, findings);
    }
    for piece in expandable(step.instruction) {
        report(step, &piece, &[], findings);
    }
}

/// A default sees the arguments that are declared in front of it. It does not count where a value is
/// given.
fn defaults(step: &Step<'_>, declarations: &[ArgDeclaration], findings: &mut Findings<'_>) {
    let mut declared: Vec<&str> = Vec::new();
    for declaration in declarations {
        let name = declaration.name.as_str();
        let is_given = step.subject.known.arguments.contains_key(name);
        if let Some(default) = declaration.value.as_ref().filter(|_| !is_given) {
            report(step, &Expandable::Word(default), &declared, findings);
        }
        declared.push(name);
    }
}

/// True if it is known which image the stage goes back to.
fn names_base(step: &Step<'_>) -> bool {
    let subject = step.subject;
    let place = step.instruction.span.start;
    let stage = subject.stages.iter().rev().find(|one| one.instruction.span.start <= place);
    let image = stage.and_then(|stage| subject.global_value(&subject.ground(stage).0.from.image));
    image.is_some_and(|image| image.undefined.is_empty() && !image.text.is_empty())
}

/// Each name once for each piece, as in BuildKit.
fn report(step: &Step<'_>, piece: &Expandable<'_>, declared: &[&str], findings: &mut Findings<'_>) {
    if !piece.text().contains('$') {
        return;
    }
    let state = step.state;
    let Some(value) = piece.value(&state.environment, step.subject.dockerfile.escape) else {
        return;
    };
    let mut seen = declared.to_vec();
    for reference in &value.undefined {
        let name = reference.name.as_str();
        if seen.contains(&name) || state.declared.iter().any(|known| known == name) {
            continue;
        }
        seen.push(name);
        let is_global = step.subject.globals.declared.iter().any(|global| global == name);
        let near = suggest(name, state.environment.names());
        // The image may set it.
        let is_likely_set = !state.base_is_known && !is_global && near.is_none();
        if is_likely_set && !names_base(step) {
            continue;
        }
        let place = piece.span_of(name_range(piece.text(), reference));
        let draft =
            findings.add(place, format!("`{name}` is not defined here")).help(match is_global {
                true => format!("declare it in the stage as well: `ARG {name}`"),
                false => "it is empty: define it with ARG or ENV".to_owned(),
            });
        let draft = draft.unless(is_likely_set);
        if !is_global {
            draft.suggest(place, near);
        }
    }
}
