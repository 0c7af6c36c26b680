//! Takes a part of what a directory holds.

use super::part::{Known, Part, Taking};
use crate::TreePath;
use crate::view::Shown;

/// Something that is taken, or a directory that leads to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sifted<'a> {
    pub(super) shown: Shown<'a>,
    /// The directory is not taken itself.
    pub(super) is_passage: bool,
}

/// A directory that holds the next path.
struct Open<'a> {
    path: &'a TreePath,
    known: Known,
    /// Not taken, and nothing below it so far either.
    passage: Option<Shown<'a>>,
}

/// Of `shown`, everything below `top` in path order, what belongs to `part`, each with the
/// directories that lead to it; in path order.
pub(super) fn sift<'a>(shown: Vec<Shown<'a>>, top: &TreePath, part: &Part) -> Vec<Sifted<'a>> {
    let taken = |shown| Sifted { shown, is_passage: false };
    if part.is_whole() {
        return shown.into_iter().map(taken).collect();
    }
    let prefix = super::select::prefix(top);
    let mut sifted = Vec::new();
    let mut open: Vec<Open<'a>> = Vec::new();
    for shown in shown {
        let path = &shown.entry.path;
        while open.last().is_some_and(|directory| !path.starts_with(directory.path)) {
            open.pop();
        }
        let parent = open.last().map_or(top, |directory| directory.path);
        if !path.is_directly_below(parent) {
            // What is in a directory that was left out.
            continue;
        }
        let known = open.last().map(|directory| directory.known.clone()).unwrap_or_default();
        let below = path.as_bytes().get(prefix..).unwrap_or_default();
        let (taking, known) = part.descend(below, &known);
        let is_directory = shown.entry.is_directory();
        if taking == Taking::Taken {
            let passages = open.iter_mut().filter_map(|directory| directory.passage.take());
            sifted.extend(passages.map(|shown| Sifted { shown, is_passage: true }));
            sifted.push(taken(shown));
        }
        if is_directory && taking != Taking::Left {
            let passage = (taking == Taking::Passed).then_some(shown);
            open.push(Open { path, known, passage });
        }
    }
    sifted
}
