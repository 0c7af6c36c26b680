//! What a layer does to the tree below it, and how much of what layers hold is never seen.
//!
//! The letters are those of `docker diff`. A directory is listed for what it is itself, not because
//! something in it changed.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Entry, Kind, LayerManifest, Merged, TreePath, View};

/// What happened to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    /// It was not there before.
    Added,
    /// It was there, and is replaced, or is a directory with other permissions, owner or
    /// attributes.
    Changed,
    /// It is no longer there, nor is anything that was below it.
    Deleted,
}

impl ChangeKind {
    /// `A`, `C` or `D`.
    pub fn letter(self) -> char {
        match self {
            Self::Added => 'A',
            Self::Changed => 'C',
            Self::Deleted => 'D',
        }
    }
}

/// One path that changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// Where.
    pub path: TreePath,
    /// What happened.
    pub kind: ChangeKind,
    /// Bytes of the regular file that is there now; 0 for all else, further names of a file included.
    pub size: u64,
}

/// What `layer` changes of what `lower` shows, in path order. A file that the layer has counts as
/// changed even where the one below is the same: the layer holds it once more. Of a deleted
/// directory only its own path is listed.
pub fn of_layer(lower: &View, layer: &LayerManifest) -> Vec<Change> {
    let mut changes = Vec::new();
    for entry in layer.entries() {
        let below = lower.entry(&entry.path).map(|shown| shown.entry);
        if let Some(kind) = kind_of(below, entry) {
            changes.push(Change { path: entry.path.clone(), kind, size: size(entry) });
        }
        if entry.kind == (Kind::Directory { opaque: true }) {
            changes.extend(hidden(lower, layer, &entry.path));
        }
    }
    changes.sort();
    changes.dedup();
    changes
}

/// What differs between what two views show, in path order. Times do not count, nor in which layer
/// something is, nor which names are of one file. Of a deleted directory only its own path is
/// listed.
pub fn between(before: &View, after: &View) -> Vec<Change> {
    let (before, after) = (Merged::of(before), Merged::of(after));
    let (before, after) = (by_path(&before), by_path(&after));
    let mut changes = Vec::new();
    for (path, entry) in &after {
        let kind = match before.get(path) {
            None => ChangeKind::Added,
            Some(other) if is_same((other, &before), (entry, &after)) => continue,
            Some(_) => ChangeKind::Changed,
        };
        changes.push(Change { path: TreePath::clone(path), kind, size: size(entry) });
    }
    for path in before.keys().filter(|path| !after.contains_key(*path)) {
        let parent = path.parent().and_then(|parent| after.get(&parent).copied());
        if parent.is_some_and(Entry::is_directory) {
            let kind = ChangeKind::Deleted;
            changes.push(Change { path: TreePath::clone(path), kind, size: 0 });
        }
    }
    changes.sort();
    changes
}

type Tree<'a> = BTreeMap<&'a TreePath, &'a Entry>;

fn by_path(merged: &Merged) -> Tree<'_> {
    merged.entries().map(|(entry, _)| (&entry.path, entry)).collect()
}

fn is_same((one, ones): (&Entry, &Tree<'_>), (two, twos): (&Entry, &Tree<'_>)) -> bool {
    let meta = |entry: &Entry| (entry.mode, entry.uid, entry.gid);
    let same_meta = meta(one) == meta(two) && one.xattrs == two.xattrs;
    same_meta && content(one, ones) == content(two, twos)
}

/// The kind of an entry, that of the file for its further names.
fn content<'a>(entry: &'a Entry, tree: &Tree<'a>) -> &'a Kind {
    match &entry.kind {
        Kind::HardLink { target } => tree.get(target).map_or(&entry.kind, |file| &file.kind),
        kind => kind,
    }
}

/// Of each layer of `view`, lowest first, the bytes of its files of which no name shows: what upper
/// layers removed or replaced.
pub fn wasted(view: &View) -> Vec<u64> {
    let mut shown: BTreeSet<(usize, &TreePath)> = BTreeSet::new();
    for found in view.subtree(&TreePath::root()) {
        let file = match &found.entry.kind {
            Kind::HardLink { target } => target,
            _ => &found.entry.path,
        };
        shown.insert((found.layer, file));
    }
    let of_layer = |(layer, manifest): (usize, &std::sync::Arc<LayerManifest>)| {
        let unseen =
            manifest.entries().iter().filter(|entry| !shown.contains(&(layer, &entry.path)));
        unseen.map(size).fold(0, u64::saturating_add)
    };
    view.layers().iter().enumerate().map(of_layer).collect()
}

fn kind_of(below: Option<&Entry>, entry: &Entry) -> Option<ChangeKind> {
    match (below, &entry.kind) {
        (None, Kind::Whiteout) => None,
        (Some(_), Kind::Whiteout) => Some(ChangeKind::Deleted),
        (None, _) => Some(ChangeKind::Added),
        (Some(below), Kind::Directory { .. }) if below.is_directory() => {
            let meta = |entry: &Entry| (entry.mode, entry.uid, entry.gid);
            let differs = meta(below) != meta(entry) || below.xattrs != entry.xattrs;
            differs.then_some(ChangeKind::Changed)
        }
        (Some(_), _) => Some(ChangeKind::Changed),
    }
}

/// What an opaque directory takes away: all that it has not itself, the topmost paths of it.
fn hidden<'a>(
    lower: &'a View,
    layer: &'a LayerManifest,
    directory: &TreePath,
) -> impl Iterator<Item = Change> + use<'a> {
    let is_topmost = |path: &TreePath| {
        let parent = path.parent().and_then(|parent| layer.entry(&parent));
        layer.entry(path).is_none() && parent.is_some_and(Entry::is_directory)
    };
    let gone = lower.subtree(directory).into_iter().map(|shown| &shown.entry.path);
    let gone = gone.filter(move |path| is_topmost(path));
    gone.map(|path| Change { path: path.clone(), kind: ChangeKind::Deleted, size: 0 })
}

fn size(entry: &Entry) -> u64 {
    match entry.kind {
        Kind::File { size, .. } => size,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{ContentHash, Timestamp};

    fn entry(path: &str, kind: Kind) -> Entry {
        Entry { kind, ..Entry::directory(path.into(), Timestamp::default()) }
    }

    fn file(path: &str, bytes: &str) -> Entry {
        let content = ContentHash::of(bytes.as_bytes());
        entry(path, Kind::File { size: bytes.len() as u64, content })
    }

    fn directory(path: &str) -> Entry {
        entry(path, Kind::Directory { opaque: false })
    }

    fn opaque(path: &str) -> Entry {
        entry(path, Kind::Directory { opaque: true })
    }

    fn whiteout(path: &str) -> Entry {
        entry(path, Kind::Whiteout)
    }

    fn link(path: &str, target: &str) -> Entry {
        entry(path, Kind::HardLink { target: target.into() })
    }

    fn layer(mut entries: Vec<Entry>) -> Arc<LayerManifest> {
        entries.push(directory(""));
        Arc::new(LayerManifest::new(entries))
    }

    fn listed(lower: Vec<Entry>, upper: Vec<Entry>) -> Vec<String> {
        let changes = of_layer(&View::new(vec![layer(lower)]), &layer(upper));
        let line =
            |change: &Change| format!("{} {} {}", change.kind.letter(), change.path, change.size);
        changes.iter().map(line).collect()
    }

    #[test]
    fn added_changed_and_deleted() {
        let lower = || {
            vec![
                directory("d"),
                file("d/old", "old"),
                file("d/same", "same"),
                directory("gone"),
                file("gone/x", "x"),
            ]
        };
        let upper = vec![
            directory("d"),
            file("d/new", "newer"),
            file("d/old", "ol"),
            file("d/same", "same"),
            link("d/second", "d/new"),
            whiteout("gone"),
            whiteout("never"),
        ];
        assert_eq!(
            listed(lower(), upper),
            ["A /d/new 5", "C /d/old 2", "C /d/same 4", "A /d/second 0", "D /gone 0"]
        );
        let shut = Entry { mode: 0o700, ..directory("d") };
        assert_eq!(listed(lower(), vec![shut]), ["C /d 0"]);
        let owned = Entry { uid: 7, ..directory("d") };
        assert_eq!(listed(lower(), vec![owned]), ["C /d 0"]);
        let later = Timestamp { seconds: 9, nanoseconds: 0 };
        assert_eq!(listed(lower(), vec![Entry { mtime: later, ..directory("d") }]), [""; 0]);
    }

    #[test]
    fn an_opaque_directory_deletes_what_it_has_not() {
        let lower = vec![
            directory("d"),
            directory("d/kept"),
            file("d/kept/a", "a"),
            file("d/kept/b", "b"),
            directory("d/gone"),
            file("d/gone/c", "c"),
            directory("d/file"),
            file("d/file/e", "e"),
        ];
        let upper =
            vec![opaque("d"), directory("d/kept"), file("d/kept/a", "A"), file("d/file", "f")];
        assert_eq!(
            listed(lower, upper),
            ["C /d/file 1", "D /d/gone 0", "C /d/kept/a 1", "D /d/kept/b 0"]
        );
    }

    #[test]
    fn a_directory_in_place_of_a_file_starts_empty() {
        let upper = vec![opaque("a"), file("a/x", "x")];
        assert_eq!(listed(vec![file("a", "file")], upper), ["C /a 0", "A /a/x 1"]);
    }

    #[test]
    fn views_differ_in_what_they_show() {
        let before = View::new(vec![
            layer(vec![directory("d"), file("d/x", "x"), file("same", "s"), file("old", "o")]),
            layer(vec![
                file("linked", "l"),
                link("name", "linked"),
                directory("e"),
                file("e/y", "y"),
            ]),
        ]);
        let after = View::new(vec![layer(vec![
            file("linked", "l"),
            file("name", "l"),
            file("same", "s"),
            file("old", "new"),
            file("e", "no directory"),
            directory("f"),
            file("f/z", "zz"),
        ])]);
        let listed = |before, after| -> Vec<String> {
            let changes = between(before, after).into_iter();
            changes.map(|c| format!("{} {} {}", c.kind.letter(), c.path, c.size)).collect()
        };
        assert_eq!(
            listed(&before, &after),
            ["D /d 0", "C /e 12", "A /f 0", "A /f/z 2", "C /old 3"]
        );
        assert_eq!(listed(&before, &before), [""; 0]);
        let relinked = before.with(layer(vec![file("linked", "L"), link("name", "linked")]));
        assert_eq!(listed(&before, &relinked), ["C /linked 1", "C /name 0"]);
    }

    #[test]
    fn wasted_is_what_no_name_of_shows() {
        let view = View::new(vec![
            layer(vec![
                directory("d"),
                file("d/1", "1"),
                file("d/22", "22"),
                file("linked", "four"),
                link("other", "linked"),
                file("removed", "12345678"),
            ]),
            layer(vec![whiteout("linked"), whiteout("removed"), file("new", "1234567890123456")]),
            layer(vec![opaque("d"), whiteout("new")]),
        ]);
        assert_eq!(wasted(&view), [1 + 2 + 8, 16, 0]);
        let all_names_gone = view.with(layer(vec![whiteout("other")]));
        assert_eq!(wasted(&all_names_gone), [1 + 2 + 8 + 4, 16, 0, 0]);
    }
}
