//! Which instruction knows which flags, and the faults in them (A3, A10, A11, A12).

use crate::diagnostic::{Diagnostic, Fix};
use crate::flag::Flag;
use crate::fragment::Fragment;
use crate::keyword::Keyword;
use crate::span::Span;
use crate::split;
use crate::suggest::suggest;
use crate::word::Word;

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

/// Checks the flags of an instruction; one diagnostic for each fault. `rest` is what is behind
/// them.
pub(crate) fn check(keyword: Keyword, flags: &[Flag], rest: Fragment<'_>) -> Vec<Diagnostic> {
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
        let behind = (at + 1 == flags.len()).then(|| split::first_word(rest).0.word());
        faults.extend(value_fault(rule.kind, flag, behind.as_ref()));
    }
    faults
}

/// Reports flags on an instruction that never looks at them, as BuildKit's does not.
pub(crate) fn ignored(keyword: Keyword, flags: &[Flag]) -> impl Iterator<Item = Diagnostic> {
    flags.iter().map(move |flag| {
        let message =
            format!("{} has no flags: `--{}` is ignored", keyword.name(), flag.name.value);
        Diagnostic::warning("ignored-flag", flag.span, message)
            .with_help("take it out")
            .with_fix(Fix::same(flag.span, ""))
    })
}

fn unknown(keyword: Keyword, flag: &Flag) -> Diagnostic {
    let name = &flag.name.value;
    let message = format!("{} has no flag `--{name}`", keyword.name());
    let fault = Diagnostic::error("unknown-flag", flag.name.span, message);
    let known = known_flags(keyword);
    if let Some(near) = suggest(name, known.iter().map(|rule| rule.name)) {
        let near = format!("--{near}");
        let fix = Fix::guess(flag.name.span, near.as_str());
        return fault.with_suggestion(Some(&near)).with_fix(fix);
    }
    let has_it = |other: &&Keyword| known_flags(**other).iter().any(|rule| *rule.name == **name);
    let owners: Vec<_> = Keyword::ALL.iter().filter(has_it).map(|other| other.name()).collect();
    match (owners.as_slice(), known) {
        ([], []) => fault.with_help(format!("{} has no flags at all", keyword.name())),
        ([], known) => {
            let names: Vec<_> = known.iter().map(|rule| format!("`--{}`", rule.name)).collect();
            fault.with_help(format!("{} has {}", keyword.name(), names.join(", ")))
        }
        (owners, _) => fault.with_help(format!("it is a flag of {}", owners.join(" and "))),
    }
}

fn duplicate(flag: &Flag, earlier: &Flag) -> Diagnostic {
    let message = format!("`--{}` is given twice", flag.name.value);
    Diagnostic::error("duplicate-flag", flag.span, message)
        .with_label(earlier.span, "first given here")
        .with_help("take one of them out")
}

/// The fault of a flag's value. `behind` is the word behind the flag.
fn value_fault(kind: FlagKind, flag: &Flag, behind: Option<&Word>) -> Option<Diagnostic> {
    let name = &flag.name.value;
    match (kind, &flag.value) {
        (FlagKind::Boolean, None) | (FlagKind::Value | FlagKind::Repeatable, Some(_)) => None,
        (FlagKind::Boolean, Some(value)) if is_boolean(&value.text) => None,
        (FlagKind::Boolean, Some(value)) if !value.text.is_empty() => {
            Some(not_boolean(name, value))
        }
        (FlagKind::Boolean, _) => {
            let help = format!("write `--{name}`, `--{name}=true` or `--{name}=false`");
            Some(missing_value(flag).with_help(help))
        }
        _ => {
            let fault = missing_value(flag);
            let value = behind.filter(|word| !word.text.is_empty() && !word.text.starts_with('-'));
            Some(match value {
                Some(word) => {
                    let joint = Span::new(flag.span.end, word.span().start);
                    fault
                        .with_help(format!("write it as one word: `--{name}={}`", word.text))
                        .with_fix(Fix::guess(joint, "="))
                }
                None => fault.with_help(format!("write it as one word: `--{name}=value`")),
            })
        }
    }
}

fn missing_value(flag: &Flag) -> Diagnostic {
    let message = format!("`--{}` has no value", flag.name.value);
    Diagnostic::error("missing-flag-value", flag.span, message)
}

fn not_boolean(name: &str, value: &Word) -> Diagnostic {
    let message = format!("`--{name}` is true or false, not `{}`", value.text);
    let fault = Diagnostic::error("invalid-flag-value", value.span(), message);
    let meant = match value.text.to_ascii_lowercase().as_str() {
        "1" | "yes" | "y" | "on" | "t" => Some("true"),
        "0" | "no" | "n" | "off" | "f" => Some("false"),
        other => suggest(other, ["true", "false"]),
    };
    match meant {
        Some(meant) => fault
            .with_suggestion(Some(&format!("--{name}={meant}")))
            .with_fix(Fix::guess(value.span(), meant)),
        None => fault.with_help(format!("write `--{name}` or `--{name}=false`")),
    }
}

fn is_boolean(value: &str) -> bool {
    value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false")
}
