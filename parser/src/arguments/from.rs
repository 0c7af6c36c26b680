//! FROM (A7).

use super::{Context, Statement};
use crate::diagnostic::{Diagnostic, Fix};
use crate::fragment::Fragment;
use crate::instruction::FromInstruction;
use crate::span::Span;
use crate::split;

impl<'l> Statement<'l> {
    /// A faulty FROM still starts a stage: what is missing is empty.
    pub(super) fn from(&self, context: &mut Context) -> FromInstruction {
        let mut words = split::blank_separated(self.head.rest);
        let image = words.next().unwrap_or(self.head.rest);
        let second = words.next();
        let separator = second.filter(|word| word.as_str().eq_ignore_ascii_case("as"));
        let name = separator.and_then(|_| words.next());
        match (second, name) {
            _ if image.is_empty() => {
                let help = "for an empty image write `FROM scratch`";
                context.fault(self.missing("names no image").with_help(help));
            }
            (None, _) => {}
            (_, Some(name)) if words.next().is_none() => check_name(name, context),
            _ => context.fault(self.odd_arguments()),
        }
        let platform = self.head.flags.iter().find(|flag| flag.name.value == "platform");
        FromInstruction {
            image: image.word(),
            platform: platform.and_then(|flag| flag.value.clone()),
            separator: separator.map(|word| word.spanned()),
            name: name.map(|name| name.spanned()),
        }
    }

    #[cold]
    fn odd_arguments(&self) -> Diagnostic {
        let words: Vec<_> = split::blank_separated(self.head.rest).collect();
        let from = |at: usize| words.get(at..).unwrap_or(&[]).iter().map(Fragment::span);
        let span = |at: usize| from(at).reduce(Span::cover).unwrap_or(self.place());
        let fault = |span: Span| {
            let message = "FROM takes an image, or an image, `AS` and a stage name";
            Diagnostic::error("invalid-from", span, message)
        };
        if let Some(at) = words.iter().position(|word| word.as_str().starts_with('#')) {
            return fault(span(at)).with_help("a comment stands on a line of its own");
        }
        match words.as_slice() {
            [_, second] if second.as_str().eq_ignore_ascii_case("as") => {
                fault(second.span()).with_help("put the name of the stage behind `AS`")
            }
            [image, name] => {
                let help = format!(
                    "to name the stage, write `FROM {} AS {}`",
                    image.as_str(),
                    name.as_str()
                );
                let front = Span::point(name.span().start);
                fault(name.span()).with_help(help).with_fix(Fix::guess(front, "AS "))
            }
            [_, second, _] => fault(second.span())
                .with_help(format!("write `AS` in place of `{}`", second.as_str()))
                .with_fix(Fix::guess(second.span(), "AS")),
            [_, second, ..] if second.as_str().eq_ignore_ascii_case("as") => {
                fault(span(3)).with_help("the name of a stage is one word: take the rest out")
            }
            _ => fault(span(1)).with_help("write it like `FROM image AS name`"),
        }
    }
}

/// A stage name is letters, digits, `-`, `_` and `.`, with a letter first (A7.2).
fn check_name(name: Fragment<'_>, context: &mut Context) {
    let text = name.as_str();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.bytes().all(is_plain) {
        return;
    }
    let mut lower = text.chars().flat_map(char::to_lowercase);
    if lower.next().is_some_and(|c| c.is_ascii_lowercase()) && lower.all(is_known) {
        return;
    }
    context.fault(bad_name(name));
}

#[cold]
fn bad_name(name: Fragment<'_>) -> Diagnostic {
    let message = format!("`{}` cannot be the name of a stage", name.as_str());
    let fault = Diagnostic::error("invalid-stage-name", name.span(), message);
    let rule = "a name is letters, digits, `-`, `_` and `.`, and starts with a letter";
    let lower = name.as_str().to_lowercase();
    let known: String = lower.chars().map(|c| if is_known(c) { c } else { '-' }).collect();
    let known = known.trim_start_matches(|c: char| !c.is_ascii_lowercase()).trim_end_matches('-');
    match known {
        "" => fault.with_help(rule),
        known => fault
            .with_help(format!("{rule}, as in `{known}`"))
            .with_fix(Fix::guess(name.span(), known)),
    }
}

fn is_known(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c)
}
