//! Words of instructions, with variables expanded, and where they are at fault.

use lapstrake_parser::expand::{ExpandError, Expander};
use lapstrake_parser::{Diagnostic, Heredoc, Word};

use super::environment::Environment;
use super::fault::{fault, with_help};

/// The code of faults that depend on what variables hold.
pub(super) const EXPANSION: &str = "expansion";

/// One word: variables expanded, quotes taken away.
pub(super) fn expand(
    word: &Word,
    environment: &Environment,
    escape: char,
) -> Result<String, Diagnostic> {
    let variables = |name: &str| environment.value(name).map(str::to_owned);
    let expanded = Expander::new(escape).expand(word.as_str(), &variables);
    expanded.map(|expanded| expanded.text).map_err(|error| at(word, &error))
}

/// A word that is several words once its variables are expanded.
pub(super) fn expand_many(
    word: &Word,
    environment: &Environment,
    escape: char,
) -> Result<Vec<String>, Diagnostic> {
    let variables = |name: &str| environment.value(name).map(str::to_owned);
    let expanded = Expander::new(escape).expand_words(word.as_str(), &variables);
    let expanded = expanded.map_err(|error| at(word, &error))?;
    Ok(expanded.words.into_iter().map(|word| word.text).collect())
}

/// The content of a here-document that is a file.
pub(super) fn expand_heredoc(
    heredoc: &Heredoc,
    environment: &Environment,
) -> Result<String, Diagnostic> {
    let text = heredoc.text();
    if !heredoc.expand {
        return Ok(text.into_owned());
    }
    let variables = |name: &str| environment.value(name).map(str::to_owned);
    let expanded = Expander::heredoc_body().expand(&text, &variables);
    expanded.map(|expanded| expanded.text).map_err(|error| {
        let message = format!("in the here-document {}: {}", heredoc.name, error.message);
        fault(EXPANSION, heredoc.body, message)
    })
}

fn at(word: &Word, error: &ExpandError) -> Diagnostic {
    let fault = fault(EXPANSION, word.span_of(error.range.clone()), error.message.clone());
    match error.hint {
        Some(hint) => with_help(fault, hint),
        None => fault,
    }
}
