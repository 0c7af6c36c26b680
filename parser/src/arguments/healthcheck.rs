//! HEALTHCHECK (A12).

use super::{Context, Statement};
use crate::diagnostic::Diagnostic;
use crate::duration;
use crate::fragment::Fragment;
use crate::instruction::{CommandForm, Healthcheck, HealthcheckTiming};
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
                context.fault(Diagnostic::error("too-many-arguments", rest.span(), message));
            }
            let timing = HealthcheckTiming::default();
            return Some(Healthcheck { word: word.word(), command: None, timing });
        }
        let timing = self.timing(context);
        let command = self.command_form(rest, context)?;
        if !text.eq_ignore_ascii_case("cmd") {
            let message = format!("HEALTHCHECK does not know `{text}`");
            let fault = Diagnostic::error("unknown-healthcheck", word.span(), message);
            context
                .fault(fault.with_help("write `HEALTHCHECK CMD command`, or `HEALTHCHECK NONE`"));
            return None;
        }
        if is_empty(&command) {
            context.fault(self.missing("CMD names no command"));
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
                Diagnostic::error("invalid-duration", value.span, message)
            }
            Err(message) => Diagnostic::error("invalid-duration", value.span, message)
                .with_help("write a number with a unit, as in `30s` or `1m30s`"),
        };
        context.fault(fault);
        None
    }

    fn retries(&self, context: &mut Context) -> Option<u32> {
        let value = self.value("retries")?;
        match value.text.parse::<i32>().map(u32::try_from) {
            Ok(Ok(retries)) => Some(retries),
            Ok(Err(_)) => {
                let message = "`--retries` is negative";
                context.fault(Diagnostic::error("invalid-flag-value", value.span, message));
                None
            }
            Err(_) => {
                let message = format!("`--retries` is a whole number, not `{}`", value.text);
                context.fault(Diagnostic::error("invalid-flag-value", value.span, message));
                None
            }
        }
    }

    /// The value of a flag. An empty one counts as not given.
    fn value(&self, name: &str) -> Option<&Word> {
        let flag = self.head.flags.iter().find(|flag| flag.name.value == name)?;
        flag.value.as_ref().filter(|value| !value.text.is_empty())
    }
}

fn split<'l>(rest: Fragment<'l>) -> (Fragment<'l>, Fragment<'l>) {
    let text = rest.as_str();
    let (word, behind) = rest.split_at(text.find(char::is_whitespace).unwrap_or(text.len()));
    (word, behind.trim())
}

fn is_empty(command: &CommandForm) -> bool {
    match command {
        CommandForm::Shell(text) => text.text.is_empty(),
        CommandForm::Exec(words) => words.is_empty(),
    }
}
