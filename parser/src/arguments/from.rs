//! FROM (A7).

use super::{Context, Statement};
use crate::diagnostic::Diagnostic;
use crate::fragment::Fragment;
use crate::instruction::FromInstruction;
use crate::split;

impl<'l> Statement<'l> {
    /// A faulty FROM still starts a stage: what is missing is empty.
    pub(super) fn from(&self, context: &mut Context) -> FromInstruction {
        let words = split::blank_separated(self.head.rest);
        let image = words.first().copied().unwrap_or(self.head.rest);
        let separator = words.get(1).filter(|word| word.as_str().eq_ignore_ascii_case("as"));
        let name = separator.and_then(|_| words.get(2)).copied();
        match (separator, name, words.len()) {
            (_, _, 1) => {}
            (Some(_), Some(name), 3) => check_name(name, context),
            (_, _, 0) => {
                let help = "for an empty image write `FROM scratch`";
                context.fault(self.missing("names no image").with_help(help));
            }
            _ => context.fault(self.odd_arguments(&words)),
        }
        let platform = self.head.flags.iter().find(|flag| flag.name.value == "platform");
        FromInstruction {
            image: image.word(),
            platform: platform.and_then(|flag| flag.value.clone()),
            separator: separator.map(Fragment::spanned),
            name: name.map(|name| name.spanned()),
        }
    }

    fn odd_arguments(&self, words: &[Fragment<'_>]) -> Diagnostic {
        let span = words.iter().skip(1).map(Fragment::span).reduce(crate::span::Span::cover);
        let message = "FROM takes an image, or an image, `AS` and a stage name";
        let fault = Diagnostic::error("invalid-from", span.unwrap_or(self.place()), message);
        match words {
            [_, second] if second.as_str().eq_ignore_ascii_case("as") => {
                fault.with_help("put the name of the stage behind `AS`")
            }
            [_, second, _] => {
                fault.with_help(format!("write `AS` in place of `{}`", second.as_str()))
            }
            _ => fault.with_help("write it like `FROM image AS name`"),
        }
    }
}

/// A stage name is letters, digits, `-`, `_` and `.`, with a letter first (A7.2).
fn check_name(name: Fragment<'_>, context: &mut Context) {
    let lower = name.as_str().to_lowercase();
    let starts_well = lower.starts_with(|c: char| c.is_ascii_lowercase());
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    if !starts_well || !lower.chars().all(known) {
        let message = format!("`{}` cannot be the name of a stage", name.as_str());
        context
            .fault(Diagnostic::error("invalid-stage-name", name.span(), message).with_help(
                "a name is letters, digits, `-`, `_` and `.`, and starts with a letter",
            ));
    }
}
