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
        let mut sources: Vec<_> = match array {
            Some(words) => words.into_iter().map(Source::Path).collect(),
            None => {
                let words = split::blank_separated(self.head.rest);
                words.map(|word| self.source(word.word())).collect()
            }
        };
        let destination = sources.pop().map(Source::into_word);
        let Some(destination) = destination.filter(|_| !sources.is_empty()) else {
            let help = "the last argument is the destination, those in front of it are sources";
            context.fault(self.missing("takes a source and a destination").with_help(help));
            return None;
        };
        if !json && self.heredoc_index(&destination).is_some() {
            let message = format!("{} cannot write to a heredoc", self.keyword.name());
            let fault = Diagnostic::error("heredoc-destination", destination.span, message);
            context.fault(fault.with_help("name the file to write behind the heredoc"));
        }
        Some(Transfer { sources, destination, json })
    }

    fn source(&self, word: Word) -> Source {
        match self.heredoc_index(&word) {
            Some(index) => Source::Heredoc { word, index },
            None => Source::Path(word),
        }
    }

    /// The heredoc that a source stands for: the last of that name.
    fn heredoc_index(&self, word: &Word) -> Option<usize> {
        if self.heredocs.is_empty() {
            return None;
        }
        let name = marker_name(&word.text)?;
        self.heredocs.iter().rposition(|heredoc| *heredoc.name == *name)
    }
}
