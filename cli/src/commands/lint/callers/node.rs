//! What is asked of the trees that files are read as.

use lapstrake_parser::Spanned;

use super::super::config::{Node, Value};

/// The value of a name in a table; the first, if there are several.
pub(super) fn get<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    entries(Some(node)).find(|(key, _)| key.value == name).map(|(_, value)| value)
}

/// The value behind several names, one in the other.
pub(super) fn get_in<'n>(node: &'n Node, names: &[&str]) -> Option<&'n Node> {
    names.iter().try_fold(node, |node, name| get(node, name))
}

pub(super) fn entries(node: Option<&Node>) -> impl Iterator<Item = &(Spanned<String>, Node)> {
    match node.map(|node| &node.value) {
        Some(Value::Table(entries)) => entries.as_slice(),
        _ => &[],
    }
    .iter()
}

pub(super) fn items(node: Option<&Node>) -> impl Iterator<Item = &Node> {
    match node.map(|node| &node.value) {
        Some(Value::List(items)) => items.as_slice(),
        _ => &[],
    }
    .iter()
}

pub(super) fn text(node: Option<&Node>) -> Option<&str> {
    match &node?.value {
        Value::Text(text) => Some(text.as_str()),
        _ => None,
    }
}

/// The texts of a list.
pub(super) fn texts(node: Option<&Node>) -> impl Iterator<Item = &str> {
    items(node).filter_map(|item| text(Some(item)))
}

pub(super) fn spanned(node: &Node) -> Option<Spanned<String>> {
    Some(Spanned::new(text(Some(node))?.to_owned(), node.span))
}
