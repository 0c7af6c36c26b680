//! ONBUILD (A12).

use super::{Context, Statement};
use crate::diagnostic::Diagnostic;
use crate::dockerfile::Instruction;
use crate::head::Head;
use crate::instruction::Onbuild;
use crate::keyword::Keyword;
use crate::written::Written;

impl<'l> Statement<'l> {
    pub(super) fn onbuild(&self, context: &mut Context) -> Option<Onbuild> {
        let head = Head::read(self.head.rest, context.escape);
        if head.word.is_empty() {
            let help = "write it like `ONBUILD RUN command`";
            context.fault(self.missing("names no instruction").with_help(help));
            return None;
        }
        if let Some(keyword @ (Keyword::Onbuild | Keyword::From | Keyword::Maintainer)) =
            head.keyword
        {
            let message = format!("{} cannot be an ONBUILD trigger", keyword.name());
            let fault = Diagnostic::error("forbidden-trigger", head.word.span(), message);
            context.fault(fault.with_help(match keyword {
                Keyword::Onbuild => "a trigger is no trigger again: take one ONBUILD out",
                Keyword::From => "a trigger runs inside of a stage, and cannot start one",
                _ => "write `ONBUILD LABEL org.opencontainers.image.authors=…`",
            }));
            return None;
        }
        let outer = std::mem::replace(&mut context.trigger, true);
        let instruction = self.trigger(head, context).map(Box::new);
        context.trigger = outer;
        Some(Onbuild { text: self.trigger_text(), instruction })
    }

    fn trigger(&self, head: Head<'l>, context: &mut Context) -> Option<Instruction> {
        let Some(keyword) = head.keyword else {
            context.fault(crate::unknown::unknown(head.word, context.escape));
            return None;
        };
        let statement = Statement { keyword, head, heredocs: self.heredocs.clone() };
        let kind = statement.kind(context)?;
        Some(Instruction {
            kind,
            flags: statement.head.flags,
            span: self.head.rest.span(),
            lines: (0, 0),
            heredocs: statement.heredocs,
            written: Written::of_trigger(self.head.rest.text()),
        })
    }

    /// The trigger on one line, and behind it each heredoc with its delimiter.
    fn trigger_text(&self) -> String {
        let mut text = self.head.rest.as_str().to_owned();
        for heredoc in &self.heredocs {
            text.push('\n');
            text.push_str(&heredoc.content);
            text.push_str(&heredoc.name);
        }
        text
    }
}
