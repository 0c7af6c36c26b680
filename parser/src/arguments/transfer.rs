//! COPY and ADD (A11).

use super::{Context, Statement};
use crate::diagnostic::Diagnostic;
use crate::heredoc::marker_name;
use crate::instruction::{Few, Source, Transfer};
use crate::split;
use crate::word::Word;

/// Takes all words but the last, which is returned.
fn all_but_last(words: impl Iterator<Item = Word>, mut take: impl FnMut(Word)) -> Option<Word> {
    let mut last = None;
    for word in words {
        if let Some(before) = last.replace(word) {
            take(before);
        }
    }
    last
}

impl Statement<'_> {
    pub(super) fn transfer(&self, context: &mut Context) -> Option<Transfer> {
        let array = self.json(self.head.rest, context).ok()?;
        let json = array.is_some();
        let mut sources = Few::new();
        let destination = match array {
            Some(words) => all_but_last(words.into_iter(), |word| sources.push(Source::Path(word))),
            None => {
                let words = split::blank_separated(self.head.rest).map(|word| word.word());
                all_but_last(words, |word| sources.push(self.source(word)))
            }
        };
        let Some(destination) = destination.filter(|_| !sources.is_empty()) else {
            let help = "the last argument is the destination, those in front of it are sources";
            context.fault(self.missing("takes a source and a destination").with_help(help));
            return None;
        };
        if !json && self.heredoc_index(&destination).is_some() {
            let message = format!("{} cannot write to a heredoc", self.keyword.name());
            let fault = Diagnostic::error("heredoc-destination", destination.span(), message);
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
