//! # No secret stands in the file
//!
//! What stands in a Dockerfile is in its history, and as a rule in the image: ENV, LABEL and the text of each RUN are part
//! of the config that everybody can read who can pull it. Looks for private keys, and for tokens that are known by their
//! form (AWS, GitHub, GitLab, Slack, Stripe, Google, npm); those that stand for one, as `EXAMPLE` or `XXXX`, do not count.
//!
//! ```dockerfile
//! FROM node:22
//! ENV NPM_TOKEN=npm_…
//! RUN npm ci
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM node:22
//! RUN --mount=type=secret,id=npm,env=NPM_TOKEN npm ci
//! ```
//!
//! **Fix**: none: a token that was published has to be revoked first.

use lapstrake_parser::{Instruction, InstructionKind, Severity, Span};

use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::own("secret-in-text", Severity::Error, Check::Instruction(check))
        .instead_of(&["SecretsUsedInArgOrEnv"])
        .confident(Confidence::Medium);

fn check(subject: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    for (what, place) in subject.secrets() {
        if !holds(instruction.span, *place) {
            continue;
        }
        let draft = findings.add(*place, format!("this is {what}, for everybody to read"));
        let draft = draft.help("revoke it, and give the new one with `RUN --mount=type=secret`");
        if let Some(name) = name_of(instruction, *place) {
            draft.label(name, "the value of this");
        }
    }
}

/// The variable or label whose value is there.
fn name_of(instruction: &Instruction, place: Span) -> Option<Span> {
    match &instruction.kind {
        InstructionKind::Env(pairs) | InstructionKind::Label(pairs) => {
            let pair = pairs.iter().find(|pair| holds(pair.value.span(), place))?;
            Some(pair.key.span())
        }
        InstructionKind::Arg(arguments) => {
            let holds_it = |value: &lapstrake_parser::Word| holds(value.span(), place);
            let argument = arguments.iter().find(|one| one.value.as_ref().is_some_and(holds_it))?;
            Some(argument.name.span())
        }
        _ => None,
    }
}

const fn holds(outer: Span, inner: Span) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}
