//! YAML (1.2, its core schema) as a tree with places.
//!
//! What configurations have no use for is refused: references, and tables by anything but texts. So a
//! small file cannot stand for a large tree.

use lapstrake_parser::{Diagnostic, Span, Spanned};
use saphyr_parser::{Event, Parser, ScalarStyle};

use super::tree::{DEEPEST, Node, Value, fault};

/// Reads a file of one document; one of none is empty.
///
/// # Errors
/// The first fault.
pub(super) fn parse(text: &str) -> Result<Node, Diagnostic> {
    read(text, false)
}

/// As [`parse`], of a file that is for another tool: a reference is nothing, of names that are set twice all are
/// there, and the last document counts: in front of it stands what it is given.
///
/// # Errors
/// The first fault.
pub(in crate::commands::lint) fn parse_foreign(text: &str) -> Result<Node, Diagnostic> {
    read(text, true)
}

fn read(text: &str, is_foreign: bool) -> Result<Node, Diagnostic> {
    let places = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let events = Parser::new_from_str(text);
    let mut reader = Reader { events, places, end: text.len(), is_foreign };
    let mut document = None;
    loop {
        match reader.next()? {
            (Event::DocumentStart(_), at) if document.is_some() && !is_foreign => {
                return Err(fault(at, "there is a second document"));
            }
            (Event::DocumentStart(_), _) => {
                let (event, at) = reader.next()?;
                document = Some(reader.node(event, at, 0)?);
            }
            (Event::StreamEnd, _) => break,
            _ => {}
        }
    }
    Ok(document.unwrap_or(Node { span: Span::point(0), value: Value::Nothing }))
}

struct Reader<'t> {
    events: Parser<'t, saphyr_parser::StrInput<'t>>,
    /// The byte of each character.
    places: Vec<usize>,
    end: usize,
    is_foreign: bool,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Span), Diagnostic> {
        match self.events.next() {
            Some(Ok((event, span))) => {
                let (start, end) = (self.byte(span.start.index()), self.byte(span.end.index()));
                Ok((event, Span::new(start, end.max(start))))
            }
            Some(Err(error)) => {
                let at = Span::point(self.byte(error.marker().index()));
                Err(fault(at, error.info()))
            }
            None => Ok((Event::StreamEnd, Span::point(self.end))),
        }
    }

    fn byte(&self, character: usize) -> usize {
        self.places.get(character).copied().unwrap_or(self.end)
    }

    fn node(&mut self, event: Event<'t>, at: Span, depth: usize) -> Result<Node, Diagnostic> {
        if depth > DEEPEST {
            return Err(fault(at, "this is nested too deeply"));
        }
        let value = match event {
            Event::Scalar(text, ScalarStyle::Plain, _, None) => plain(&text),
            Event::Scalar(text, ..) => Value::Text(text.into_owned()),
            Event::SequenceStart(..) => self.list(depth)?,
            Event::MappingStart(..) => self.table(depth)?,
            Event::Alias(_) if !self.is_foreign => {
                return Err(fault(at, "references are not read here"));
            }
            _ => Value::Nothing,
        };
        Ok(Node { span: at, value })
    }

    fn list(&mut self, depth: usize) -> Result<Value, Diagnostic> {
        let mut values = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd | Event::StreamEnd, _) => return Ok(Value::List(values)),
                (event, at) => values.push(self.node(event, at, depth + 1)?),
            }
        }
    }

    fn table(&mut self, depth: usize) -> Result<Value, Diagnostic> {
        let mut entries: Vec<(Spanned<String>, Node)> = Vec::new();
        loop {
            let key = match self.next()? {
                (Event::MappingEnd | Event::StreamEnd, _) => return Ok(Value::Table(entries)),
                (Event::Scalar(text, ..), at) => Spanned::new(text.into_owned(), at),
                (_, at) => return Err(fault(at, "this is no name of a setting")),
            };
            let mut before = entries.iter().filter(|_| !self.is_foreign);
            if let Some((first, _)) = before.find(|(other, _)| other.value == key.value) {
                let message = format!("`{}` is set twice", key.value);
                return Err(fault(key.span, message).with_label(first.span, "first set here"));
            }
            let (event, at) = self.next()?;
            let value = self.node(event, at, depth + 1)?;
            entries.push((key, value));
        }
    }
}

/// What a scalar without quotes stands for (YAML 1.2.2, 10.3.2).
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Nothing,
        "true" | "True" | "TRUE" => Value::Boolean(true),
        "false" | "False" | "FALSE" => Value::Boolean(false),
        _ if text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
            && text.parse::<f64>().is_ok() =>
        {
            Value::Other("a number")
        }
        _ => Value::Text(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bytes() {
        let text = "# é\nignored: [DL3003, 'é']\nno-fail: true\noverride:\n  error:\n  - 12\n";
        let Value::Table(entries) = parse(text).unwrap().value else { panic!("no table") };
        let [(ignored, list), (_, flag), (_, table)] = entries.as_slice() else {
            panic!("{entries:?}")
        };
        assert_eq!(&text[ignored.span.range()], "ignored");
        let Value::List(names) = &list.value else { panic!("{list:?}") };
        assert_eq!(&text[names[1].span.range()], "'é'");
        assert_eq!(names[1].value, Value::Text("é".into()));
        assert_eq!(flag.value, Value::Boolean(true));
        let Value::Table(inner) = &table.value else { panic!("{table:?}") };
        assert_eq!(&text[inner[0].0.span.range()], "error");
        let Value::List(numbers) = &inner[0].1.value else { panic!("{inner:?}") };
        assert_eq!(numbers[0].value, Value::Other("a number"));
    }

    #[test]
    fn what_is_no_configuration_is_refused() {
        for (text, message, place) in [
            ("a: &x [1]\nb: *x\n", "references are not read here", "*x"),
            ("a: 1\na: 2\n", "`a` is set twice", "a"),
            ("a: 1\n---\nb: 1\n", "there is a second document", "---"),
            ("[a]: 1\n", "this is no name of a setting", ""),
        ] {
            let fault = parse(text).unwrap_err();
            assert_eq!(fault.message, message, "{text}");
            assert!(text[fault.span.range()].starts_with(place), "{text}: {fault:?}");
        }
        assert!(parse(&"[".repeat(100_000)).is_err());
        assert!(parse("a: [1\n").is_err());
        let Value::Table(last) = parse_foreign("spec:\n---\na: 1\n").unwrap().value else {
            panic!()
        };
        assert_eq!(last[0].0.value, "a");
        for text in ["", "# c\n", "---\n"] {
            assert_eq!(parse(text).unwrap().value, Value::Nothing, "{text:?}");
        }
    }
}
