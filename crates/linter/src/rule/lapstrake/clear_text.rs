//! # Downloads are encrypted, or checked
//!
//! What comes by `http` or `ftp` can be changed by whoever is on the way. Looks at curl, wget and ADD of such an address. Quiet where
//! the RUN compares a checksum or a signature, ADD has `--checksum`, and for this machine.
//!
//! ```dockerfile
//! FROM debian:12
//! RUN curl -fO http://example.com/tool.tar
//! ```
//!
//! Better:
//!
//! ```dockerfile
//! FROM debian:12
//! RUN curl -fO https://example.com/tool.tar
//! ```
//!
//! **Fix**: none: whether the other side has https is not known.

use lapstrake_parser::{Instruction, InstructionKind, Severity, Span};

use crate::finding::Findings;
use crate::rule::{Check, Confidence, Rule};
use crate::run::Run;
use crate::subject::Subject;

pub(super) static RULE: Rule =
    Rule::own("clear-text", Severity::Warning, Check::Instruction(check))
        .confident(Confidence::Medium);

fn check(subject: &Subject<'_>, instruction: &Instruction, findings: &mut Findings<'_>) {
    if let InstructionKind::Add(transfer) = &instruction.kind {
        if instruction.flag("checksum").is_none() {
            let sources = transfer.sources.iter().map(lapstrake_parser::Source::word);
            sources
                .filter(|word| is_clear(word.as_str()))
                .for_each(|word| report(word.span(), findings));
        }
        return;
    }
    let Some(run) = Run::of(subject, instruction) else { return };
    if run.checks_downloads() {
        return;
    }
    for command in &run.script.commands {
        let flags: &[&str] = match command.base_name() {
            "curl" => {
                &["x", "proxy", "H", "header", "e", "referer", "A", "d", "data", "o", "output"]
            }
            "wget" => &["e", "execute", "O", "output-document", "referer", "header", "U"],
            _ => continue,
        };
        let mut addresses = command.operands(flags).into_iter();
        if let Some(word) = addresses.find(|word| is_clear(&word.text)) {
            report(word.span, findings);
        }
    }
}

fn report(span: Span, findings: &mut Findings<'_>) {
    let draft = findings.add(span, "what comes from here can be changed on the way");
    draft.help("fetch it by https, or compare its checksum");
}

fn is_clear(address: &str) -> bool {
    let lower = address.to_ascii_lowercase();
    let Some(rest) = lower.strip_prefix("http://").or_else(|| lower.strip_prefix("ftp://")) else {
        return false;
    };
    let host = rest.split(['/', ':']).next().unwrap_or_default();
    let is_here = host == "localhost" || host.starts_with("127.") || host.starts_with('[');
    !host.is_empty() && !is_here && !host.contains('$')
}
