//! Options of the linter as the file gives them: `# check=skip=RULE;error=true` (A2.5, A2.6).

use crate::diagnostic::Diagnostic;
use crate::span::{Span, Spanned};
use crate::suggest::suggest;

/// What a `check` directive, or a `check=` comment above an instruction, asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckOptions {
    /// Rules that are not to run.
    pub skip: RuleSelection,
    /// Whether a finding fails the build.
    pub error: bool,
    /// Experimental rules that are to run.
    pub experimental: RuleSelection,
}

/// Some rules, or all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleSelection {
    /// Every rule.
    All,
    /// The rules of these names, in the order written.
    Named(Vec<Spanned<String>>),
}

impl Default for RuleSelection {
    fn default() -> Self {
        Self::Named(Vec::new())
    }
}

const OPTIONS: [&str; 3] = ["skip", "error", "experimental"];
const HELP: &str = "options are `skip=RULE,…|all`, `error=true|false` and \
                    `experimental=RULE,…|all`, with `;` between";

impl RuleSelection {
    /// True if the rule is one of them.
    pub fn contains(&self, rule: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.iter().any(|name| name.value == rule),
        }
    }
}

impl CheckOptions {
    /// Reads options such as `skip=A,B;error=true`. `start` is where the text stands in the file.
    ///
    /// Returns one diagnostic for each option that is not understood; the others hold.
    pub fn parse(text: &str, start: usize) -> (Self, Vec<Diagnostic>) {
        let mut options = Self::default();
        let mut faults = Vec::new();
        if text.trim().is_empty() {
            return (options, faults);
        }
        let mut at = start;
        for part in text.split(';') {
            let place = trimmed(part, at);
            if let Err(message) = options.set(part, at) {
                let key = part.split('=').next().unwrap_or("").trim();
                let fault = Diagnostic::error("invalid-check-directive", place.span, message);
                faults.push(match suggest(key, OPTIONS) {
                    Some(near) => fault.with_suggestion(Some(near)),
                    None => fault.with_help(HELP),
                });
            }
            at = at.saturating_add(part.len()).saturating_add(1);
        }
        (options, faults)
    }

    /// Reads the options of a comment above an instruction, given without `#`.
    ///
    /// Nothing if the comment is none of the form `check=…`. What follows a blank does not count.
    pub fn from_comment(comment: Spanned<&str>) -> Option<(Self, Vec<Diagnostic>)> {
        let (name, value) = crate::directive::name_and_value(comment.value)?;
        if !name.eq_ignore_ascii_case("check") {
            return None;
        }
        let offset = comment.value.len().saturating_sub(value.len());
        let value = value.split(' ').next().unwrap_or("");
        Some(Self::parse(value, comment.span.start.saturating_add(offset)))
    }

    fn set(&mut self, option: &str, start: usize) -> Result<(), String> {
        let Some((key, value)) = option.split_once('=') else {
            return Err(format!("check option `{}` has no value", option.trim()));
        };
        let value_start = start.saturating_add(key.len()).saturating_add(1);
        match key.trim() {
            "skip" => self.skip = selection(value, value_start),
            "experimental" => self.experimental = selection(value, value_start),
            "error" => self.error = boolean(value.trim())?,
            other => return Err(format!("check has no option `{other}`")),
        }
        Ok(())
    }
}

fn selection(value: &str, start: usize) -> RuleSelection {
    if value.trim() == "all" {
        return RuleSelection::All;
    }
    let mut at = start;
    let names = value.split(',').map(|name| {
        let place = trimmed(name, at);
        at = at.saturating_add(name.len()).saturating_add(1);
        place
    });
    RuleSelection::Named(names.collect())
}

fn boolean(value: &str) -> Result<bool, String> {
    crate::boolean::parse(value)
        .ok_or_else(|| format!("check option `error` is true or false, not `{value}`"))
}

fn trimmed(text: &str, start: usize) -> Spanned<String> {
    let blanks = text.len().saturating_sub(text.trim_start().len());
    let start = start.saturating_add(blanks);
    let text = text.trim();
    Spanned::new(text.to_owned(), Span::new(start, start.saturating_add(text.len())))
}
