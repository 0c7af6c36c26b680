//! What has to be where in a file: a FROM, and nothing but ARG in front of it (A1.9, A1.10).

use crate::diagnostic::Diagnostic;
use crate::keyword::Keyword;
use crate::span::Span;

/// The names of a file's instructions, as far as their order matters.
#[derive(Debug, Default)]
pub(crate) struct Order {
    /// The first FROM.
    from: Option<Span>,
    /// The first instruction that is there without a FROM in front of it and may not be, and how
    /// many more there are.
    early: Option<(Keyword, Span)>,
    more: usize,
    last: Span,
    /// Whether a name may have been meant for FROM. It has its own fault, and no other one is to
    /// follow from it.
    maybe_from: bool,
}

impl Order {
    /// True once a FROM is there: what follows may have any order.
    pub(crate) const fn is_settled(&self) -> bool {
        self.from.is_some()
    }

    /// Takes the next name. `text` starts with it.
    pub(crate) fn note(&mut self, keyword: Option<Keyword>, span: Span, text: &str) {
        self.last = span;
        match keyword {
            Some(Keyword::From) => {
                self.from.get_or_insert(span);
            }
            Some(Keyword::Arg) => {}
            Some(keyword) if self.from.is_none() && !self.maybe_from => match self.early {
                None => self.early = Some((keyword, span)),
                Some(_) => self.more += 1,
            },
            Some(_) => {}
            None => {
                let name = text.split_ascii_whitespace().next().unwrap_or("");
                self.maybe_from |= Keyword::nearest(name) == Some(Keyword::From.name());
            }
        }
    }

    /// What is wrong with the order of a file that has instructions.
    pub(crate) fn fault(self) -> Option<Diagnostic> {
        match (self.from, self.early) {
            (Some(from), Some((keyword, span))) => {
                Some(too_early(keyword, span, self.more).with_label(from, "the first FROM"))
            }
            (None, early) if !self.maybe_from => {
                Some(no_stage(early.map_or(self.last, |(_, span)| span)))
            }
            _ => None,
        }
    }
}

/// The fault of a file with nothing to build.
fn no_stage(span: Span) -> Diagnostic {
    let message = "the Dockerfile has no FROM, so there is nothing to build";
    Diagnostic::error("no-stage", span, message)
        .with_help("start with `FROM image`, or with `FROM scratch` for an empty one")
}

/// The fault of an instruction in front of the first FROM.
fn too_early(keyword: Keyword, span: Span, more: usize) -> Diagnostic {
    let name = keyword.name();
    let message = match more {
        0 => format!("{name} stands before the first FROM"),
        1 => format!("{name} and another instruction stand before the first FROM"),
        _ => format!("{name} and {more} more instructions stand before the first FROM"),
    };
    Diagnostic::error("instruction-before-from", span, message)
        .with_help("only ARG may: move what belongs to a stage below its FROM")
}
