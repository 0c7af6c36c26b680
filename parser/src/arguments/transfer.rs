//! COPY and ADD (A11).

use super::{Context, Statement};
use crate::diagnostic::Diagnostic;
use crate::heredoc::marker_name;
use crate::instruction::{Source, Transfer};
use crate::split;
use crate::word::Word;

impl Statement<'_> {
    pub(super) fn transfer(&self, context: &mut Context) -> Option<Transfer> {
        let array = self.json(self.head.rest, context).ok()?;
        let json = array.is_some();
        let mut words = array.unwrap_or_else(|| {
            split::blank_separated(self.head.rest).iter().map(|word| word.word()).collect()
        });
        let destination = words.pop();
        let Some(destination) = destination.filter(|_| !words.is_empty()) else {
            let help = "the last argument is the destination, those in front of it are sources";
            context.fault(self.missing("takes a source and a destination").with_help(help));
            return None;
        };
        if self.heredoc_index(&destination, json).is_some() {
            let message = format!("{} cannot write to a heredoc", self.keyword.name());
            let fault = Diagnostic::error("heredoc-destination", destination.span, message);
            context.fault(fault.with_help("name the file to write behind the heredoc"));
        }
        let sources = words.into_iter().map(|word| self.source(word, json)).collect();
        Some(Transfer { sources, destination, json })
    }

    fn source(&self, word: Word, json: bool) -> Source {
        match self.heredoc_index(&word, json) {
            Some(index) => Source::Heredoc { word, index },
            None => Source::Path(word),
        }
    }

    /// The heredoc that a source stands for: the last of that name.
    fn heredoc_index(&self, word: &Word, json: bool) -> Option<usize> {
        if json || self.heredocs.is_empty() {
            return None;
        }
        let name = marker_name(&word.text)?;
        self.heredocs.iter().rposition(|heredoc| *heredoc.name == *name)
    }
}
