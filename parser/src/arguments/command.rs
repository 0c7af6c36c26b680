//! RUN, CMD, ENTRYPOINT and SHELL.

use super::{Context, Statement};
use crate::diagnostic::{Diagnostic, Fix};
use crate::fragment::Fragment;
use crate::instruction::CommandForm;
use crate::keyword::Keyword;
use crate::suggest::suggest;
use crate::word::Word;

const NETWORKS: [&str; 3] = ["default", "none", "host"];
const SECURITIES: [&str; 2] = ["sandbox", "insecure"];

impl<'l> Statement<'l> {
    pub(super) fn command(&self, context: &mut Context) -> Option<CommandForm> {
        if self.keyword == Keyword::Run && !self.head.flags.is_empty() {
            self.check_choice("network", &NETWORKS, context);
            self.check_choice("security", &SECURITIES, context);
            self.check_mounts(context);
        }
        self.command_form(self.head.rest, context)
    }

    /// A JSON array is the exec form, anything else is for the shell (A4).
    pub(super) fn command_form(
        &self,
        rest: Fragment<'l>,
        context: &mut Context,
    ) -> Option<CommandForm> {
        match self.json(rest, context).ok()? {
            Some(words) => Some(CommandForm::Exec(words)),
            None => Some(CommandForm::Shell(rest.word())),
        }
    }

    pub(super) fn shell(&self, context: &mut Context) -> Option<Vec<Word>> {
        match self.json(self.head.rest, context).ok()? {
            Some(words) if !words.is_empty() => return Some(words),
            None if !self.head.rest.is_empty() => {
                context.fault(self.shell_not_json());
            }
            _ => {
                let help = "write it like `SHELL [\"/bin/sh\", \"-c\"]`";
                context.fault(self.missing("names no program").with_help(help));
            }
        }
        None
    }

    /// A program and its arguments as plain words, or in an array that is no JSON.
    fn shell_not_json(&self) -> Diagnostic {
        let rest = self.head.rest;
        let message = "SHELL takes a JSON array of strings";
        let fault = Diagnostic::error("shell-not-json", rest.span(), message);
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "/-_.:+ ".contains(c);
        if !rest.as_str().chars().all(is_plain) {
            let help = "write it like `SHELL [\"/bin/sh\", \"-c\"]`, with double quotes";
            return fault.with_help(help);
        }
        let words: Vec<_> = rest.as_str().split(' ').filter(|word| !word.is_empty()).collect();
        let array = format!("[\"{}\"]", words.join("\", \""));
        fault.with_help(format!("write `SHELL {array}`")).with_fix(Fix::guess(rest.span(), array))
    }

    fn check_choice(&self, name: &str, choices: &[&str], context: &mut Context) {
        let flags = self.head.flags.iter().filter(|flag| flag.name.value == name);
        for value in flags.filter_map(|flag| flag.value.as_ref()) {
            if !choices.contains(&value.as_str()) {
                let message = format!("`{}` is no value of `--{name}`", value.text);
                let fault = Diagnostic::error("invalid-flag-value", value.span(), message);
                context.fault(match suggest(&value.text, choices.iter().copied()) {
                    Some(near) => {
                        fault.with_suggestion(Some(near)).with_fix(Fix::guess(value.span(), near))
                    }
                    None => fault.with_help(format!("it is one of {}", choices.join(", "))),
                });
            }
        }
    }

    /// Checks what does not wait for variables. The rest is for [`crate::mount::Mount::parse`].
    fn check_mounts(&self, context: &mut Context) {
        for flag in self.head.flags.iter().filter(|flag| flag.name.value == "mount") {
            let Some(value) = &flag.value else { continue };
            if let Err(error) = crate::mount::check(&value.text) {
                let span = value.span_of(error.range.clone());
                let fault = Diagnostic::error("invalid-mount", span, error.message);
                context.fault(match error.hint {
                    Some(hint) => fault.with_help(hint),
                    None => fault,
                });
            }
        }
    }
}
