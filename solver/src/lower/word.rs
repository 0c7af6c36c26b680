//! Words of instructions, with variables expanded, and where they are at fault.

use lapstrake_parser::expand::{ExpandError, Expander, Reference};
use lapstrake_parser::{Diagnostic, Heredoc, Span, Word};

use super::environment::Environment;
use super::fault::{Faults, fault, with_help};

/// In place of the code of a fault: the word is what it is only once a base image is known.
const UNKNOWN: &str = "";

/// Whether it is no fault, but a value that is not known.
pub(super) fn is_unknown(fault: &Diagnostic) -> bool {
    fault.code == UNKNOWN
}

/// One word: variables expanded, quotes taken away.
pub(super) fn expand(
    word: &Word,
    environment: &Environment,
    escape: char,
) -> Result<String, Faults> {
    let variables = |name: &str| environment.value(name).map(str::to_owned);
    let expanded = Expander::new(escape).expand(word.as_str(), &variables);
    let expanded = expanded.map_err(|_| faults(word, environment, escape))?;
    known(word, environment, &expanded.undefined)?;
    Ok(expanded.text)
}

/// A word that is several words once its variables are expanded.
pub(super) fn expand_many(
    word: &Word,
    environment: &Environment,
    escape: char,
) -> Result<Vec<String>, Faults> {
    let variables = |name: &str| environment.value(name).map(str::to_owned);
    let expanded = Expander::new(escape).expand_words(word.as_str(), &variables);
    let expanded = expanded.map_err(|_| faults(word, environment, escape))?;
    known(word, environment, &expanded.undefined)?;
    Ok(expanded.words.into_iter().map(|word| word.text).collect())
}

/// The content of a here-document that is a file.
pub(super) fn expand_heredoc(
    heredoc: &Heredoc,
    environment: &Environment,
) -> Result<String, Faults> {
    let text = heredoc.text();
    if !heredoc.expand {
        return Ok(text.into_owned());
    }
    let variables = |name: &str| environment.value(name).map(str::to_owned);
    let expander = Expander::heredoc_body();
    expander.expand(&text, &variables).map(|expanded| expanded.text).map_err(|_| {
        let errors = expander.faults(&text, &variables);
        errors
            .iter()
            .map(|error| at(heredoc.span_of(error.range.clone()), environment, error))
            .collect()
    })
}

/// In place of a fault at `span`: what stands there is not known.
pub(super) fn unknown(span: Span) -> Diagnostic {
    fault(UNKNOWN, span, "")
}

/// Whether a variable that is not set may be set all the same.
pub(super) fn may_be_set(environment: &Environment, undefined: &[Reference]) -> bool {
    undefined.iter().any(|reference| environment.may_set(&reference.name))
}

/// Whether the error is none if a variable is set that may be.
pub(super) fn may_be_required(environment: &Environment, error: &ExpandError) -> bool {
    error.variable.as_ref().is_some_and(|name| environment.may_set(name))
}

/// Fails if a variable that is not set may be set all the same.
fn known(
    word: &Word,
    environment: &Environment,
    undefined: &[Reference],
) -> Result<(), Diagnostic> {
    match may_be_set(environment, undefined) {
        true => Err(unknown(word.span())),
        false => Ok(()),
    }
}

/// All that is wrong with a word.
fn faults(word: &Word, environment: &Environment, escape: char) -> Faults {
    let variables = |name: &str| environment.value(name).map(str::to_owned);
    let errors = Expander::new(escape).faults(word.as_str(), &variables);
    errors.iter().map(|error| at(word.span_of(error.range.clone()), environment, error)).collect()
}

fn at(span: Span, environment: &Environment, error: &ExpandError) -> Diagnostic {
    if may_be_required(environment, error) {
        return unknown(span);
    }
    described(fault(error.code, span, error.message.clone()), error.hint)
}

fn described(fault: Diagnostic, hint: Option<&'static str>) -> Diagnostic {
    match hint {
        Some(hint) => with_help(fault, hint),
        None => fault,
    }
}
