//! TOML as a tree with places.

use std::ops::Range;

use lapstrake_parser::{Diagnostic, Span, Spanned};
use toml::de::{DeTable, DeValue};

use super::tree::{Node, Value, fault};

/// Reads a file.
///
/// # Errors
/// The first fault of its syntax.
pub(super) fn parse(text: &str) -> Result<Node, Diagnostic> {
    match DeTable::parse(text) {
        Ok(table) => Ok(Node { span: span(table.span()), value: self::table(table.get_ref()) }),
        Err(error) => {
            let at = span(error.span().unwrap_or_default());
            let message = error.message().lines().collect::<Vec<_>>().join(": ");
            Err(fault(at, message))
        }
    }
}

fn table(table: &DeTable<'_>) -> Value {
    let entries = table.iter().map(|(key, value)| {
        let name = Spanned::new(key.get_ref().clone().into_owned(), span(key.span()));
        (name, node(value))
    });
    Value::Table(entries.collect())
}

fn node(spanned: &toml::Spanned<DeValue<'_>>) -> Node {
    let value = match spanned.get_ref() {
        DeValue::String(text) => Value::Text(text.clone().into_owned()),
        DeValue::Boolean(value) => Value::Boolean(*value),
        DeValue::Array(values) => Value::List(values.iter().map(node).collect()),
        DeValue::Table(entries) => table(entries),
        DeValue::Integer(_) | DeValue::Float(_) => Value::Other("a number"),
        DeValue::Datetime(_) => Value::Other("a time"),
    };
    Node { span: span(spanned.span()), value }
}

const fn span(range: Range<usize>) -> Span {
    Span::new(range.start, range.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bytes() {
        let text = "'é' = [true, \"x\"]\n";
        let Value::Table(entries) = parse(text).unwrap().value else { panic!("no table") };
        let [(key, list)] = entries.as_slice() else { panic!("{entries:?}") };
        assert_eq!((&text[key.span.range()], key.value.as_str()), ("'é'", "é"));
        let Value::List(values) = &list.value else { panic!("{list:?}") };
        let found: Vec<_> = values.iter().map(|one| &text[one.span.range()]).collect();
        assert_eq!(found, ["true", "\"x\""]);
    }

    #[test]
    fn faults_have_places() {
        let text = "a = 1\nb = \n";
        let fault = parse(text).unwrap_err();
        assert!((9..=11).contains(&fault.span.start), "{fault:?}");
    }
}
