//! # FROM works without build arguments
//!
//! When nobody gives arguments, FROM comes to an empty name, or to one that no image can have. Then the
//! file can only be built by those who know which arguments it wants, and no tool can look at it. The presets `recommended`
//! and `strict` leave out an image that is nothing but an argument declared without a default: it is to be given.
//!
//! ```dockerfile
//! ARG TAG
//! FROM alpine:${TAG}
//! ```
//!
//! Give the argument a default:
//!
//! ```dockerfile
//! ARG TAG=3.20
//! FROM alpine:${TAG}
//! ```
//!
//! **Fix**: none, the default is for the author to choose.

use lapstrake_oci::Reference;

use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::subject::Subject;
use crate::value::value;

pub(super) static RULE: Rule =
    Rule::buildkit("InvalidDefaultArgInFrom", Check::File(check)).confident(Confidence::Medium);

fn check(subject: &Subject<'_>, findings: &mut Findings<'_>) {
    let globals = subject.default_globals();
    for word in subject.stages.iter().map(|stage| &stage.from.image) {
        let Some(value) = value(word, &globals.values, subject.dockerfile.escape) else { return };
        if value.text.parse::<Reference>().is_ok() {
            continue;
        }
        let message = match value.text.as_ref() {
            "" => format!("`{}` is empty unless it is given", word.as_str()),
            name if value.is_variable() => {
                format!("`{}` is `{name}` unless it is given: no image", word.as_str())
            }
            name => format!("no image can have the name `{name}`"),
        };
        let arguments = value.used.iter().chain(&value.undefined).map(|one| one.name.as_str());
        // An image that is declared without a default is to be given.
        let mut undefined = value.undefined.iter();
        let is_declared = |name: &str| globals.declared.iter().any(|declared| declared == name);
        let is_meant = value.text.is_empty() && undefined.all(|one| is_declared(&one.name));
        let draft = findings.add(word.span(), message).unless(is_meant);
        match arguments.collect::<Vec<_>>().first() {
            Some(name) => drop(draft.help(format!("give it a default: `ARG {name}=…`"))),
            None => drop(draft.help("names of images are in small letters")),
        }
    }
}
