//! Words of instructions, with variables expanded, and where they are at fault.

use lapstrake_parser::{Diagnostic, Word, expand as words};

use super::environment::Environment;
use super::fault::{fault, with_help};

/// One word: variables expanded, quotes taken away.
pub(super) fn expand(
    word: &Word,
    environment: &Environment,
    escape: char,
) -> Result<String, Diagnostic> {
    let variables = |name: &str| environment.value(name).map(str::to_owned);
    words::expand(word.text(), &variables, escape)
        .map(|expanded| expanded.text)
        .map_err(|error| at(word, &error))
}

/// A word that is several words once its variables are expanded.
pub(super) fn expand_many(
    word: &Word,
    environment: &Environment,
    escape: char,
) -> Result<Vec<String>, Diagnostic> {
    let variables = |name: &str| environment.value(name).map(str::to_owned);
    words::expand_words(word.text(), &variables, escape).map_err(|error| at(word, &error))
}

fn at(word: &Word, error: &words::ExpandError) -> Diagnostic {
    let fault = fault(
        "expansion",
        word.span_of(error.range.clone()),
        error.message.clone(),
    );
    match &error.hint {
        Some(hint) => with_help(fault, hint.clone()),
        None => fault,
    }
}
