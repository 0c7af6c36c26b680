//! # No secrets in ARG and ENV
//!
//! The value of an ENV is in the image, for everybody who has it; that of an ARG is in the image's
//! history. The name tells: it has a word like `KEY`, `TOKEN` or `PASSWORD`, and none like `PUBLIC`,
//! `FILE` or `VERSION`. Global ARGs are not looked at. The presets `recommended` and `strict` leave out values that everybody
//! may know: the fingerprint of a key, an absolute path, `true` and the like, and nothing at all in an ENV.
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

use lapstrake_parser::{ArgDeclaration, InstructionKind, KeyValue};

use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::value::value;
use crate::walk::Step;

pub(super) static RULE: Rule =
    Rule::buildkit("SecretsUsedInArgOrEnv", Check::Step(check)).confident(Confidence::Medium);

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
            for ArgDeclaration { name, value, .. } in declarations {
                if is_secret(name.as_str()) {
                    let message =
                        format!("the value of the ARG `{}` stays in the history", name.as_str());
                    let is_open = value.as_ref().is_some_and(|value| is_open(value.as_str()));
                    findings.add(name.span(), message).help(HELP).unless(is_open);
                }
            }
        }
        InstructionKind::Env(pairs) => {
            let escape = step.subject.dockerfile.escape;
            for KeyValue { key, value: own, .. } in pairs {
                let Some(name) = value(key, &step.state.environment, escape) else { continue };
                if is_secret(&name.text) {
                    let message = format!("the value of the ENV `{}` is in the image", name.text);
                    let is_open = own.as_str().trim_matches(['"', '\'']).is_empty();
                    let is_open = is_open || self::is_open(own.as_str());
                    findings.add(key.span(), message).help(HELP).unless(is_open);
                }
            }
        }
        _ => {}
    }
}

const HELP: &str = "give it to the step that needs it: `RUN --mount=type=secret,id=…`";

/// True for a value that everybody may know: the fingerprint of a key, a path, a number, `true` and the like.
fn is_open(value: &str) -> bool {
    let value = value.trim_matches(['"', '\'']);
    let is_print = matches!(value.len(), 40 | 50)
        && value.chars().all(|c| c == ' ' || c.is_ascii_digit() || ('A'..='F').contains(&c));
    let is_path = value.starts_with('/') && !value.contains(char::is_whitespace);
    is_print || is_path || ["true", "false", "yes", "no"].contains(&value)
}

fn is_secret(name: &str) -> bool {
    let has = |words: &[&str]| {
        name.split('_').any(|part| words.iter().any(|word| part.eq_ignore_ascii_case(word)))
    };
    has(&SECRET) && !has(&OPEN)
}
