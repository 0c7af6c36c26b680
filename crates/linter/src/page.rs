//! The page of a rule: the text at the top of its file.

use crate::rule::{Rule, entries};

/// What is to be said about a rule, in Markdown: what it finds, why that is bad, how to mend it.
pub fn page(rule: &Rule) -> String {
    let text: String = lines(rule).map(|line| format!("{line}\n")).collect();
    let presets = rule.presets.iter().map(|preset| preset.name()).collect::<Vec<_>>().join(", ");
    let (severity, confidence) = (rule.severity.name(), rule.confidence.name());
    let also = match rule.aliases {
        [] => String::new(),
        aliases => format!(" **Also**: {}.", aliases.join(", ")),
    };
    format!(
        "{text}\n**Severity**: {severity}. **Confidence**: {confidence}. **Presets**: {presets}.{also}\n"
    )
}

/// What the rule wants, in a few words: the title of its page.
pub fn title(rule: &Rule) -> &'static str {
    lines(rule).next().unwrap_or_default().trim_start_matches("# ")
}

fn lines(rule: &Rule) -> impl Iterator<Item = &'static str> {
    let entry = entries().find(|entry| entry.rule.name == rule.name);
    let text = entry.map(|entry| entry.text).unwrap_or_default();
    let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
    lines.map(|line| line.strip_prefix(' ').unwrap_or(line))
}
