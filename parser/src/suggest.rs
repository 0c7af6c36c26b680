//! "Did you mean": the known name nearest to a misspelt one.

/// Edits from which on two names count as unrelated. BuildKit uses the same.
const TOO_FAR: usize = 3;

/// Longest name that is compared. Longer ones are no typing errors.
const LONGEST: usize = 64;

/// The candidate nearest to `name`, if one is nearer than three edits and none is equal.
///
/// Edits are insertions, deletions and replacements of one character. The first of several
/// candidates at one distance wins.
pub fn suggest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > LONGEST {
        return None;
    }
    let mut best = None;
    let mut nearest = TOO_FAR;
    for candidate in candidates {
        let edits = distance(name, candidate);
        if edits == 0 {
            return None;
        }
        if edits < nearest {
            nearest = edits;
            best = Some(candidate);
        }
    }
    best
}

/// Levenshtein distance in characters.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.chars().count()).collect();
    for (line, from) in left.chars().enumerate() {
        let mut diagonal = line;
        let mut before = line.saturating_add(1);
        if let Some(first) = row.first_mut() {
            *first = before;
        }
        for (cell, to) in row.iter_mut().skip(1).zip(right.chars()) {
            let replaced = diagonal.saturating_add(usize::from(from != to));
            diagonal = *cell;
            before = replaced.min(diagonal.saturating_add(1)).min(before.saturating_add(1));
            *cell = before;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_nearest_name() {
        assert_eq!(suggest("FNTRYPOINT", ["ENV", "ENTRYPOINT"]), Some("ENTRYPOINT"));
        assert_eq!(suggest("mont", ["network", "mount"]), Some("mount"));
        assert_eq!(suggest("xyz", ["network", "mount"]), None);
        assert_eq!(suggest("mount", ["count", "mount"]), None);
    }

    #[test]
    fn counts_edits() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("é", "e"), 1);
    }
}
