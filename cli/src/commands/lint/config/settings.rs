//! What a configuration says, from its tree.
//!
//! `lapstrake.toml`, and in the last column hadolint's name for the same in `.hadolint.yaml`:
//!
//! | `[lint]` | what it is | hadolint |
//! |---|---|---|
//! | `preset` | a name, as `--preset` has it | |
//! | `failure-threshold` | `error`, `warning`, `info`, `style` (as `info`), `none` | the same |
//! | `no-fail` | findings leave the exit status 0 | the same |
//! | `ignored` | names of rules | the same |
//! | `override.error`, `.warning`, `.info`, `.style` (as `info`) | names of rules; they look in every preset | the same |
//! | `trusted-registries` | hosts, with `*` at one end | `trustedRegistries` |
//! | `label-schema` | labels, and what is in them | the same |
//! | `max-layer` | the most that a layer may hold, as `200MB` | |
//! | `strict-labels` | other labels are not wanted | the same |
//! | `disable-ignore-pragma` | comments silence nothing | the same |
//!
//! `format`, `no-color` and `verbose` of hadolint are left to the command line. A name that is none is a
//! fault; the names of hadolint and ShellCheck for rules that are not here are none.

use lapstrake_linter::{LabelKind, Policy};
use lapstrake_parser::{Diagnostic, Severity, Spanned, suggest};

use super::tree::{Node, Value, fault};
use crate::args::{PresetName, Threshold};

/// What a project wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::commands::lint) struct Settings {
    pub(in crate::commands::lint) preset: Option<PresetName>,
    pub(in crate::commands::lint) threshold: Option<Threshold>,
    /// Findings leave the exit status 0.
    pub(in crate::commands::lint) never_fails: bool,
    pub(in crate::commands::lint) policy: Policy,
}

/// Whose names of settings a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Own,
    Hadolint,
}

const SHARED: [&str; 7] = [
    "failure-threshold",
    "no-fail",
    "ignored",
    "override",
    "label-schema",
    "strict-labels",
    "disable-ignore-pragma",
];
const OWN: [&str; 3] = ["preset", "trusted-registries", "max-layer"];
const HADOLINT: [&str; 4] = ["trustedRegistries", "format", "no-color", "verbose"];

const LEVELS: [(&str, Severity); 4] = [
    ("error", Severity::Error),
    ("warning", Severity::Warning),
    ("info", Severity::Info),
    ("style", Severity::Info),
];

/// What the tree says.
///
/// # Errors
/// All that is wrong with it.
pub(super) fn settings(root: &Node, dialect: Dialect) -> Result<Settings, Vec<Diagnostic>> {
    let mut reader = Reader { dialect, settings: Settings::default(), faults: Vec::new() };
    match dialect {
        Dialect::Hadolint => reader.read(root),
        Dialect::Own => {
            for (name, node) in reader.table(root) {
                match name.value.as_str() {
                    "lint" => reader.read(node),
                    _ => reader.unknown(name, &["lint"]),
                }
            }
        }
    }
    if reader.faults.is_empty() { Ok(reader.settings) } else { Err(reader.faults) }
}

impl Dialect {
    fn names(self) -> Vec<&'static str> {
        let more: &[&str] = if self == Self::Own { &OWN } else { &HADOLINT };
        SHARED.iter().chain(more).copied().collect()
    }
}

struct Reader {
    dialect: Dialect,
    settings: Settings,
    faults: Vec<Diagnostic>,
}

impl Reader {
    fn read(&mut self, node: &Node) {
        let names = self.dialect.names();
        for (name, node) in self.table(node) {
            if names.contains(&name.value.as_str()) {
                self.set(&name.value, node);
            } else {
                self.unknown(name, &names);
            }
        }
    }

    fn set(&mut self, name: &str, node: &Node) {
        match name {
            "preset" => self.settings.preset = self.choice(node, &PRESETS),
            "failure-threshold" => self.settings.threshold = self.choice(node, &THRESHOLDS),
            "no-fail" => self.settings.never_fails = self.boolean(node),
            "ignored" => self.settings.policy.ignored = self.rules(node),
            "override" => self.set_severities(node),
            "trusted-registries" | "trustedRegistries" => {
                let hosts = self.texts(node);
                self.settings.policy.trusted_registries =
                    hosts.into_iter().map(|host| host.value).collect();
            }
            "label-schema" => {
                for (label, node) in self.table(node) {
                    if let Some(kind) = self.label_kind(node) {
                        self.settings.policy.label_schema.insert(label.value.clone(), kind);
                    }
                }
            }
            "max-layer" => self.settings.policy.max_layer = self.size(node),
            "strict-labels" => self.settings.policy.strict_labels = self.boolean(node),
            "disable-ignore-pragma" => self.settings.policy.ignores_comments = self.boolean(node),
            _ => {}
        }
    }

    fn set_severities(&mut self, node: &Node) {
        let mut found = Vec::new();
        for (level, node) in self.table(node) {
            match LEVELS.iter().find(|(name, _)| *name == level.value) {
                Some((_, severity)) => {
                    found.extend(self.rules(node).into_iter().map(|rule| (rule, *severity)));
                }
                None => self.unknown(level, &LEVELS.map(|(name, _)| name)),
            }
        }
        // Where a rule has several, hadolint takes the worst.
        found.sort_by_key(|(_, severity)| std::cmp::Reverse(*severity));
        self.settings.policy.severities = found;
    }

    fn label_kind(&mut self, node: &Node) -> Option<LabelKind> {
        // hadolint: nothing in quotes is any text.
        if node.value == Value::Text(String::new()) {
            return Some(LabelKind::Text);
        }
        self.choice(node, &LabelKind::NAMES)
    }

    /// One of these words.
    fn choice<T: Copy>(&mut self, node: &Node, choices: &[(&str, T)]) -> Option<T> {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        match &node.value {
            Value::Nothing => None,
            Value::Text(text) => {
                let choice = choices.iter().find(|(name, _)| name == text);
                if choice.is_none() {
                    let near = suggest(text, names.iter().copied());
                    let message = format!("`{text}` is none of {}", names.join(", "));
                    self.faults.push(fault(node.span, message).with_suggestion(near));
                }
                choice.map(|(_, choice)| *choice)
            }
            other => {
                self.is_no(node, "a text", other);
                None
            }
        }
    }

    /// A number of bytes with a unit.
    fn size(&mut self, node: &Node) -> Option<u64> {
        match &node.value {
            Value::Text(text) => {
                let size = bytes(text);
                if size.is_none() {
                    let what = format!("`{text}` is no size: write a number with kB, MB or GB");
                    self.faults.push(fault(node.span, what));
                }
                size
            }
            other => {
                self.is_no(node, "a text as `200MB`", other);
                None
            }
        }
    }

    fn boolean(&mut self, node: &Node) -> bool {
        match &node.value {
            Value::Nothing => false,
            Value::Boolean(value) => *value,
            other => {
                self.is_no(node, "a boolean", other);
                false
            }
        }
    }

    /// The names of rules.
    fn rules(&mut self, node: &Node) -> Vec<String> {
        let names = self.texts(node);
        for name in &names {
            if lapstrake_linter::rule(&name.value).is_none() && !is_foreign(&name.value) {
                let known = lapstrake_linter::all();
                let known = known
                    .flat_map(|rule| [rule.name].into_iter().chain(rule.aliases.iter().copied()));
                let near = suggest(&name.value, known);
                let message = format!("there is no rule `{}`", name.value);
                let fault = fault(name.span, message);
                self.faults.push(match near {
                    Some(near) => fault.with_suggestion(Some(near)),
                    None => fault.with_help("`lap lint --rules` lists the rules"),
                });
            }
        }
        names.into_iter().map(|name| name.value).collect()
    }

    /// Texts, or a single one.
    fn texts(&mut self, node: &Node) -> Vec<Spanned<String>> {
        let single = std::slice::from_ref(node);
        let values = match &node.value {
            Value::Nothing => return Vec::new(),
            Value::List(values) => values,
            _ => single,
        };
        let mut texts = Vec::new();
        for node in values {
            match &node.value {
                Value::Text(text) => texts.push(Spanned::new(text.clone(), node.span)),
                other => self.is_no(node, "a text", other),
            }
        }
        texts
    }

    fn table<'n>(&mut self, node: &'n Node) -> &'n [(Spanned<String>, Node)] {
        match &node.value {
            Value::Nothing => &[],
            Value::Table(entries) => entries,
            other => {
                self.is_no(node, "a table", other);
                &[]
            }
        }
    }

    fn unknown(&mut self, name: &Spanned<String>, names: &[&str]) {
        let near = suggest(&name.value, names.iter().copied());
        let fault = fault(name.span, format!("there is no setting `{}`", name.value));
        self.faults.push(match near {
            Some(near) => fault.with_suggestion(Some(near)),
            None => fault.with_help(format!("here it is one of {}", names.join(", "))),
        });
    }

    fn is_no(&mut self, node: &Node, wanted: &str, found: &Value) {
        let message = format!("{wanted} is wanted here, and this is {}", found.kind());
        self.faults.push(fault(node.span, message));
    }
}

const PRESETS: [(&str, PresetName); 4] = [
    ("recommended", PresetName::Recommended),
    ("strict", PresetName::Strict),
    ("hadolint", PresetName::Hadolint),
    ("buildkit", PresetName::Buildkit),
];

/// hadolint's `ignore` lies below all that is told.
const THRESHOLDS: [(&str, Threshold); 6] = [
    ("error", Threshold::Error),
    ("warning", Threshold::Warning),
    ("info", Threshold::Info),
    ("style", Threshold::Info),
    ("ignore", Threshold::Info),
    ("none", Threshold::None),
];

/// True for an id of hadolint or ShellCheck.
fn is_foreign(name: &str) -> bool {
    let digits = name.strip_prefix("DL").or_else(|| name.strip_prefix("SC"));
    digits.is_some_and(|digits| {
        digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_digit())
    })
}

/// `200MB`, in powers of 1000.
fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let units = [("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("B", 1.0)];
    let unit =
        units.into_iter().find_map(|(name, factor)| Some((text.strip_suffix(name)?, factor)));
    let (number, factor) = unit?;
    let number: f64 = number.trim().parse().ok()?;
    let is_size = number.is_finite() && (0.0..1e15).contains(&(number * factor));
    is_size.then_some((number * factor).round() as u64)
}

#[cfg(test)]
mod tests;
