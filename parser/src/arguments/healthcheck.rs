//! HEALTHCHECK (A12).

use super::{Context, Statement};
use crate::diagnostic::{Diagnostic, Fix};
use crate::duration;
use crate::fragment::Fragment;
use crate::instruction::{CommandForm, Healthcheck, HealthcheckTiming};
use crate::span::Span;
use crate::suggest::suggest;
use crate::word::Word;
use std::time::Duration;

/// Shortest duration that is not zero.
const SHORTEST: Duration = Duration::from_millis(1);

/// True for `HEALTHCHECK NONE`, which does not look at its flags.
pub(super) fn is_none(rest: Fragment<'_>) -> bool {
    split(rest).0.as_str().eq_ignore_ascii_case("none")
}

impl Statement<'_> {
    pub(super) fn healthcheck(&self, context: &mut Context) -> Option<Healthcheck> {
        let (word, rest) = split(self.head.rest);
        let text = word.as_str();
        if text.is_empty() {
            let help = "write `HEALTHCHECK CMD command`, or `HEALTHCHECK NONE`";
            context.fault(self.missing("says nothing").with_help(help));
            return None;
        }
        if text.eq_ignore_ascii_case("none") {
            if !rest.is_empty() {
                let message = "HEALTHCHECK NONE takes no arguments";
                let fault = Diagnostic::error("too-many-arguments", rest.span(), message);
                context.fault(fault.with_help("take them out, or write `HEALTHCHECK CMD command`"));
            }
            let timing = HealthcheckTiming::default();
            return Some(Healthcheck { word: word.word(), command: None, timing });
        }
        let timing = self.timing(context);
        let command = self.command_form(rest, context)?;
        if !text.eq_ignore_ascii_case("cmd") {
            context.fault(unknown(word));
            return None;
        }
        if is_empty(&command) {
            let help = "write it like `HEALTHCHECK CMD curl -f http://localhost/`";
            context.fault(self.missing("CMD names no command").with_help(help));
            return None;
        }
        Some(Healthcheck { word: word.word(), command: Some(command), timing })
    }

    fn timing(&self, context: &mut Context) -> HealthcheckTiming {
        HealthcheckTiming {
            interval: self.duration("interval", context),
            timeout: self.duration("timeout", context),
            start_period: self.duration("start-period", context),
            start_interval: self.duration("start-interval", context),
            retries: self.retries(context),
        }
    }

    fn duration(&self, name: &str, context: &mut Context) -> Option<Duration> {
        let value = self.value(name)?;
        let fault = match duration::parse(&value.text) {
            Ok(duration) if duration.is_zero() => return None,
            Ok(duration) if duration >= SHORTEST => return Some(duration),
            Ok(_) => {
                let message = format!("`--{name}` is shorter than 1ms");
                Diagnostic::error("invalid-duration", value.span(), message)
                    .with_help("write `0` for the default, or at least `1ms`")
            }
            Err(message) => not_a_duration(value, message),
        };
        context.fault(fault);
        None
    }

    fn retries(&self, context: &mut Context) -> Option<u32> {
        let value = self.value("retries")?;
        let message = match value.text.parse::<i32>().map(u32::try_from) {
            Ok(Ok(retries)) => return Some(retries),
            Ok(Err(_)) => "`--retries` is negative".to_owned(),
            Err(_) => format!("`--retries` is a whole number, not `{}`", value.text),
        };
        let fault = Diagnostic::error("invalid-flag-value", value.span(), message);
        context.fault(fault.with_help("write how often the check may fail in a row, as in `3`"));
        None
    }

    /// The value of a flag. An empty one counts as not given.
    fn value(&self, name: &str) -> Option<&Word> {
        let flag = self.head.flags.iter().find(|flag| flag.name.value == name)?;
        flag.value.as_ref().filter(|value| !value.text.is_empty())
    }
}

/// The fault of a first word that is neither `CMD` nor `NONE`: a misspelt one, or a command.
fn unknown(word: Fragment<'_>) -> Diagnostic {
    let text = word.as_str();
    let message = format!("HEALTHCHECK does not know `{text}`");
    let fault = Diagnostic::error("unknown-healthcheck", word.span(), message);
    match suggest(&text.to_ascii_uppercase(), ["CMD", "NONE"]) {
        Some(near) => fault.with_suggestion(Some(near)).with_fix(Fix::guess(word.span(), near)),
        None => fault
            .with_help(format!("put `CMD` in front of the command: `HEALTHCHECK CMD {text}`"))
            .with_fix(Fix::guess(Span::point(word.span().start), "CMD ")),
    }
}

fn not_a_duration(value: &Word, message: String) -> Diagnostic {
    let fault = Diagnostic::error("invalid-duration", value.span(), message);
    let with_unit = format!("{}s", value.text);
    match duration::parse(&with_unit) {
        Ok(_) => fault
            .with_help(format!("write the unit, too: `{with_unit}`"))
            .with_fix(Fix::guess(value.span(), with_unit)),
        Err(_) => fault.with_help("write a number with a unit, as in `30s` or `1m30s`"),
    }
}

fn split<'l>(rest: Fragment<'l>) -> (Fragment<'l>, Fragment<'l>) {
    let text = rest.as_str();
    let (word, behind) = rest.split_at(text.find(char::is_whitespace).unwrap_or(text.len()));
    (word, behind.trim_start())
}

fn is_empty(command: &CommandForm) -> bool {
    match command {
        CommandForm::Shell(text) => text.text.is_empty(),
        CommandForm::Exec(words) => words.is_empty(),
    }
}
