//! Wildcards in the sources of COPY and ADD: a [`lapstrake_parser::glob::Glob`] for the path below
//! the part that holds none (A11.1).

use lapstrake_parser::glob::has_wildcard;

use crate::TreePath;

/// Splits a source into the path before its first component with a wildcard and the pattern from
/// there on. Both are cleaned: a leading slash or `..` cannot leave the root.
pub(crate) fn split(raw: &[u8]) -> (TreePath, Option<Vec<u8>>) {
    let clean = TreePath::clean(raw);
    let is_pattern = |component: &&[u8]| has_wildcard(component);
    let Some(first) = clean.components().position(|component| is_pattern(&component)) else {
        return (clean, None);
    };
    let mut literal = TreePath::root();
    let mut pattern = TreePath::root();
    for (index, component) in clean.components().enumerate() {
        let side = if index < first { &mut literal } else { &mut pattern };
        *side = side.join(component);
    }
    (literal, Some(pattern.as_bytes().to_vec()))
}
