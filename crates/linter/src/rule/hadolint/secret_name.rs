//! # No secrets in ARG and ENV
//!
//! What an ARG or ENV holds is in the image or its history. This is hadolint's rule, which goes by more
//! names than SecretsUsedInArgOrEnv.
//!
//! ```dockerfile
//! FROM debian:12
//! ARG NPM_TOKEN
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN --mount=type=secret,id=npm,env=NPM_TOKEN npm ci
//! ```
//!
//! **Fix**: none: where the secret comes from is for the author to say.

use lapstrake_parser::{Instruction, InstructionKind, Severity, Word};

use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::hadolint("secret-name", &["DL3064"], Severity::Warning, Check::Instruction(check))
        .hadolint_only()
        .confident(Confidence::Low);

fn check(_: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    let names: Vec<&Word> = match &instruction.kind {
        InstructionKind::Arg(declarations) => declarations.iter().map(|one| &one.name).collect(),
        InstructionKind::Env(pairs) => pairs.iter().map(|pair| &pair.key).collect(),
        _ => return,
    };
    for name in names.into_iter().filter(|name| is_secret(name.as_str())) {
        let message = format!("`{}` sounds like a secret, and stays with the image", name.as_str());
        findings.add(name.span(), message).help("use `RUN --mount=type=secret`");
    }
}

/// By the name alone. One that ends in `_FILE` is that of a path.
fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    if name.ends_with("_file") {
        return false;
    }
    let parts = ["api_key", "client_key", "password", "private", "secret", "token", "username"];
    parts.iter().any(|part| name.contains(part)) || NAMES.contains(&name.as_str())
}

/// Well-known names that have none of the words in them.
const NAMES: [&str; 5] =
    ["aws_access_key_id", "database_url", "github_pat", "ssh_key", "gpg_passphrase"];
