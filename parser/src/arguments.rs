//! From the arguments of an instruction to what it says: one function for each kind.

mod command;
mod from;
mod healthcheck;
mod key_value;
mod onbuild;
mod single;
mod transfer;

use crate::diagnostic::{Diagnostic, Fix};
use crate::flag_rule;
use crate::fragment::Fragment;
use crate::head::Head;
use crate::heredoc::Heredoc;
use crate::instruction::InstructionKind;
use crate::json::{self, JsonArray};
use crate::keyword::Keyword;
use crate::span::Span;
use crate::word::Word;

/// What reading arguments needs to know and where its faults go.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) escape: char,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// True inside ONBUILD. The trigger runs in another build, so a fault that BuildKit finds
    /// only there is a warning here.
    pub(crate) trigger: bool,
}

impl Context {
    /// Reports a fault of the syntax.
    #[cold]
    pub(crate) fn syntax_fault(&mut self, fault: Diagnostic) {
        self.diagnostics.push(fault);
    }

    /// Reports a fault of the meaning.
    #[cold]
    pub(crate) fn fault(&mut self, mut fault: Diagnostic) {
        if self.trigger {
            fault.severity = fault.severity.min(crate::diagnostic::Severity::Warning);
        }
        self.diagnostics.push(fault);
    }
}

/// An instruction with a known name, cut into its pieces.
pub(crate) struct Statement<'l> {
    pub(crate) keyword: Keyword,
    pub(crate) head: Head<'l>,
    pub(crate) heredocs: Vec<Heredoc>,
}

impl<'l> Statement<'l> {
    /// Reads the arguments. Nothing if they are too broken to mean something; then there is a
    /// fault.
    pub(crate) fn kind(&self, context: &mut Context) -> Option<InstructionKind> {
        self.check_flags(context);
        match self.keyword {
            Keyword::From => Some(InstructionKind::From(Box::new(self.from(context)))),
            Keyword::Run => self.command(context).map(InstructionKind::Run),
            Keyword::Cmd => self.command(context).map(InstructionKind::Cmd),
            Keyword::Entrypoint => self.command(context).map(InstructionKind::Entrypoint),
            Keyword::Copy => self.transfer(context).map(InstructionKind::Copy),
            Keyword::Add => self.transfer(context).map(InstructionKind::Add),
            Keyword::Env => self.key_values(context).map(InstructionKind::Env),
            Keyword::Label => self.key_values(context).map(InstructionKind::Label),
            Keyword::Arg => self.declarations(context).map(InstructionKind::Arg),
            Keyword::Workdir => self.single(context).map(InstructionKind::Workdir),
            Keyword::User => self.single(context).map(InstructionKind::User),
            Keyword::Stopsignal => self.single(context).map(InstructionKind::Stopsignal),
            Keyword::Maintainer => self.single(context).map(InstructionKind::Maintainer),
            Keyword::Expose => self.ports(context).map(InstructionKind::Expose),
            Keyword::Volume => self.volumes(context).map(InstructionKind::Volume),
            Keyword::Shell => self.shell(context).map(InstructionKind::Shell),
            Keyword::Healthcheck => {
                self.healthcheck(context).map(Box::new).map(InstructionKind::Healthcheck)
            }
            Keyword::Onbuild => self.onbuild(context).map(InstructionKind::Onbuild),
        }
    }

    fn check_flags(&self, context: &mut Context) {
        let flags = &self.head.flags;
        if flags.is_empty() {
            return;
        }
        match self.keyword {
            Keyword::Arg | Keyword::Stopsignal => {
                flag_rule::ignored(self.keyword, flags).for_each(|fault| context.fault(fault));
            }
            Keyword::Healthcheck if healthcheck::is_none(self.head.rest) => {}
            keyword => {
                let faults = flag_rule::check(keyword, flags, self.head.rest);
                faults.into_iter().for_each(|fault| context.fault(fault));
            }
        }
    }

    /// The whole instruction as far as it stands on the logical line.
    fn place(&self) -> Span {
        self.head.word.span().cover(self.head.rest.span())
    }

    /// The arguments as a JSON array of strings, or nothing if they are no such thing.
    ///
    /// An array with something else in it is a fault (A4.2).
    fn json(&self, rest: Fragment<'l>, context: &mut Context) -> Result<Option<Vec<Word>>, ()> {
        match json::array(rest) {
            JsonArray::Strings(words) => Ok(Some(words)),
            JsonArray::NotJson => Ok(None),
            JsonArray::Other(element) => {
                let message = "a JSON array of arguments holds strings only";
                let fault = Diagnostic::error("json-not-strings", element.span(), message);
                context.syntax_fault(match element.as_str().starts_with(['[', '{']) {
                    true => fault.with_help("a list or an object has no meaning here"),
                    false => {
                        let quoted = format!("\"{}\"", element.as_str().trim());
                        fault
                            .with_help(format!("put it in double quotes: `{quoted}`"))
                            .with_fix(Fix::guess(element.span(), quoted))
                    }
                });
                Err(())
            }
        }
    }

    /// A fault about arguments that are missing.
    #[cold]
    fn missing(&self, message: &str) -> Diagnostic {
        let message = format!("{} {message}", self.keyword.name());
        Diagnostic::error("missing-argument", self.place(), message)
    }
}
