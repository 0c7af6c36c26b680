//! # No secrets in ARG and ENV
//!
//! The value of an ENV is in the image, for everybody who has it; that of an ARG is in the image's
//! history. The name tells: it has a word like `KEY`, `TOKEN` or `PASSWORD`, and none like `PUBLIC`,
//! `FILE` or `VERSION`. Global ARGs are not looked at.
//!
//! ```dockerfile
//! FROM alpine
//! ARG API_TOKEN
//! RUN fetch --token=$API_TOKEN
//! ```
//!
//! Let the step see the secret, and nothing else:
//!
//! ```dockerfile
//! FROM alpine
//! RUN --mount=type=secret,id=api_token,env=API_TOKEN fetch --token=$API_TOKEN
//! ```
//!
//! **Fix**: none.

use lapstrake_parser::InstructionKind;

use crate::finding::Findings;
use crate::rule::{Check, Rule};
use crate::value::value;
use crate::walk::Step;

pub(super) static RULE: Rule = Rule::buildkit("SecretsUsedInArgOrEnv", Check::Step(check));

/// Words of names that hold secrets.
const SECRET: [&str; 10] = [
    "apikey",
    "auth",
    "credential",
    "credentials",
    "key",
    "password",
    "pword",
    "passwd",
    "secret",
    "token",
];

/// Words of names that hold none, whatever else is in them.
const OPEN: [&str; 3] = ["public", "file", "version"];

fn check(step: &Step<'_>, findings: &mut Findings<'_>) {
    match &step.instruction.kind {
        InstructionKind::Arg(declarations) => {
            let names = declarations.iter().map(|declaration| &declaration.name);
            for name in names.filter(|name| is_secret(name.as_str())) {
                let message =
                    format!("the value of the ARG `{}` stays in the history", name.as_str());
                findings.add(name.span(), message).help(HELP);
            }
        }
        InstructionKind::Env(pairs) => {
            let escape = step.subject.dockerfile.escape;
            for key in pairs.iter().map(|pair| &pair.key) {
                let Some(name) = value(key, &step.state.environment, escape) else { continue };
                if is_secret(&name.text) {
                    let message = format!("the value of the ENV `{}` is in the image", name.text);
                    findings.add(key.span(), message).help(HELP);
                }
            }
        }
        _ => {}
    }
}

const HELP: &str = "give it to the step that needs it: `RUN --mount=type=secret,id=…`";

fn is_secret(name: &str) -> bool {
    let has = |words: &[&str]| {
        name.split('_').any(|part| words.iter().any(|word| part.eq_ignore_ascii_case(word)))
    };
    has(&SECRET) && !has(&OPEN)
}
