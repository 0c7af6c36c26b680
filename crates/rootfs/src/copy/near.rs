//! What a source that does not exist may have meant.

use crate::{TreePath, View};

/// A path that exists and reads much like `missing`, if there is one: the first component that is
/// not there is replaced by its most similar sibling.
pub(super) fn suggestion(view: &View, missing: &TreePath) -> Option<TreePath> {
    let mut found = TreePath::root();
    let mut rest = missing.components();
    let wrong = rest.by_ref().find(|component| {
        let next = found.join(component);
        let there = view.entry(&next).is_some();
        if there {
            found = next;
        }
        !there
    })?;
    let children = view.children(&found);
    let names = children.iter().map(|child| child.entry.path.name());
    let distances = names.map(|name| (distance(wrong, name), name));
    let limit = wrong.len().div_ceil(2).min(2);
    let (_, name) = distances.filter(|(distance, _)| *distance <= limit).min()?;
    let near = found.join(name);
    let whole = rest.fold(near.clone(), |path, component| path.join(component));
    Some(if view.entry(&whole).is_some() { whole } else { near })
}

/// Insertions, deletions, replacements and swaps of case that turn `a` into `b`; a change of case
/// alone costs nothing.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (to, above) in b.iter().zip(row.iter().skip(1)) {
            let replaced = diagonal + usize::from(!from.eq_ignore_ascii_case(to));
            diagonal = *above;
            left = replaced.min(left + 1).min(*above + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        for (a, b, expected) in [
            ("", "", 0),
            ("a", "", 1),
            ("", "ab", 2),
            ("kitten", "sitting", 3),
            ("README", "readme", 0),
        ] {
            assert_eq!(distance(a.as_bytes(), b.as_bytes()), expected, "{a} {b}");
        }
    }
}
