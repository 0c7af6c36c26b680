//! Which instruction knows which flags, and the faults in them (A3, A10, A11, A12).

use crate::diagnostic::Diagnostic;
use crate::flag::Flag;
use crate::keyword::Keyword;
use crate::suggest::suggest;

/// What a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FlagKind {
    /// Nothing, or `=true` or `=false`.
    Boolean,
    /// A value; may be given once.
    Value,
    /// A value; may be given several times.
    Repeatable,
}

/// A flag that an instruction knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlagRule {
    /// The name without dashes.
    pub name: &'static str,
    /// What it takes.
    pub kind: FlagKind,
}

const fn rule(name: &'static str, kind: FlagKind) -> FlagRule {
    FlagRule { name, kind }
}

const FROM: &[FlagRule] = &[rule("platform", FlagKind::Value)];

const RUN: &[FlagRule] = &[
    rule("mount", FlagKind::Repeatable),
    rule("network", FlagKind::Value),
    rule("security", FlagKind::Value),
    rule("device", FlagKind::Repeatable),
];

const COPY: &[FlagRule] = &[
    rule("from", FlagKind::Value),
    rule("chown", FlagKind::Value),
    rule("chmod", FlagKind::Value),
    rule("link", FlagKind::Boolean),
    rule("parents", FlagKind::Boolean),
    rule("exclude", FlagKind::Repeatable),
];

const ADD: &[FlagRule] = &[
    rule("chown", FlagKind::Value),
    rule("chmod", FlagKind::Value),
    rule("link", FlagKind::Boolean),
    rule("keep-git-dir", FlagKind::Boolean),
    rule("checksum", FlagKind::Value),
    rule("unpack", FlagKind::Boolean),
    rule("exclude", FlagKind::Repeatable),
];

const HEALTHCHECK: &[FlagRule] = &[
    rule("interval", FlagKind::Value),
    rule("timeout", FlagKind::Value),
    rule("start-period", FlagKind::Value),
    rule("start-interval", FlagKind::Value),
    rule("retries", FlagKind::Value),
];

/// The flags an instruction knows.
pub const fn known_flags(keyword: Keyword) -> &'static [FlagRule] {
    match keyword {
        Keyword::From => FROM,
        Keyword::Run => RUN,
        Keyword::Copy => COPY,
        Keyword::Add => ADD,
        Keyword::Healthcheck => HEALTHCHECK,
        _ => &[],
    }
}

/// Checks the flags of an instruction; one diagnostic for each fault.
pub(crate) fn check(keyword: Keyword, flags: &[Flag]) -> Vec<Diagnostic> {
    let known = known_flags(keyword);
    let mut faults = Vec::new();
    for (at, flag) in flags.iter().enumerate() {
        let Some(rule) = known.iter().find(|rule| flag.name.value == rule.name) else {
            faults.push(unknown(keyword, flag));
            continue;
        };
        let earlier = flags.iter().take(at).find(|other| other.name.value == rule.name);
        if let (Some(earlier), false) = (earlier, rule.kind == FlagKind::Repeatable) {
            faults.push(duplicate(flag, earlier));
        }
        faults.extend(value_fault(rule.kind, flag));
    }
    faults
}

/// Reports flags on an instruction that never looks at them, as BuildKit's does not.
pub(crate) fn ignored(keyword: Keyword, flags: &[Flag]) -> impl Iterator<Item = Diagnostic> {
    flags.iter().map(move |flag| {
        let message =
            format!("{} has no flags: `--{}` is ignored", keyword.name(), flag.name.value);
        Diagnostic::warning("ignored-flag", flag.span, message)
    })
}

fn unknown(keyword: Keyword, flag: &Flag) -> Diagnostic {
    let name = &flag.name.value;
    let message = format!("{} has no flag `--{name}`", keyword.name());
    let fault = Diagnostic::error("unknown-flag", flag.name.span, message);
    let known = known_flags(keyword);
    match suggest(name, known.iter().map(|rule| rule.name)) {
        Some(near) => fault.with_help(format!("did you mean `--{near}`?")),
        None if known.is_empty() => fault,
        None => {
            let names: Vec<_> = known.iter().map(|rule| format!("--{}", rule.name)).collect();
            fault.with_help(format!("{} knows {}", keyword.name(), names.join(", ")))
        }
    }
}

fn duplicate(flag: &Flag, earlier: &Flag) -> Diagnostic {
    let message = format!("`--{}` is given twice", flag.name.value);
    Diagnostic::error("duplicate-flag", flag.span, message)
        .with_label(earlier.span, "first given here")
}

fn value_fault(kind: FlagKind, flag: &Flag) -> Option<Diagnostic> {
    let name = &flag.name.value;
    match (kind, &flag.value) {
        (FlagKind::Boolean, None) | (FlagKind::Value | FlagKind::Repeatable, Some(_)) => None,
        (FlagKind::Boolean, Some(value)) if is_boolean(&value.text) => None,
        (FlagKind::Boolean, Some(value)) if !value.text.is_empty() => {
            let message = format!("`--{name}` is true or false, not `{}`", value.text);
            Some(Diagnostic::error("invalid-flag-value", value.span, message))
        }
        _ => {
            let message = format!("`--{name}` has no value");
            let fault = Diagnostic::error("missing-flag-value", flag.span, message);
            Some(fault.with_help(match kind {
                FlagKind::Boolean => {
                    format!("write `--{name}`, `--{name}=true` or `--{name}=false`")
                }
                _ => format!("write it as one word: `--{name}=value`"),
            }))
        }
    }
}

fn is_boolean(value: &str) -> bool {
    value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false")
}
