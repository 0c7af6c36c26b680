//! A stack of layers as one tree without layers, the way it leaves as files or as one archive.

use std::collections::BTreeMap;

use crate::{Entry, Kind, Timestamp, TreePath, View};

/// What a stack of layers shows, as one list: no whiteouts, no opaque directories, and hard links
/// only between names that are both shown.
#[derive(Clone, Debug, Default)]
pub struct Merged {
    /// In path order, each with the index of the layer that has it.
    pub(crate) entries: Vec<(Entry, usize)>,
}

impl Merged {
    /// What `view` shows.
    pub fn of(view: &View) -> Self {
        // The first name that shows of a file with several, by layer and the name it has there.
        let mut names: BTreeMap<(usize, &TreePath), &TreePath> = BTreeMap::new();
        let mut entries = Vec::new();
        for shown in view.subtree(&TreePath::root()) {
            let (entry, layer) = (shown.entry, shown.layer);
            let kind = match &entry.kind {
                Kind::Directory { .. } => Kind::Directory { opaque: false },
                Kind::File { .. } => {
                    names.insert((layer, &entry.path), &entry.path);
                    entry.kind.clone()
                }
                Kind::HardLink { target } => match names.get(&(layer, target)) {
                    Some(first) => Kind::HardLink { target: TreePath::clone(first) },
                    None => {
                        names.insert((layer, target), &entry.path);
                        content(view, layer, target).unwrap_or_else(|| entry.kind.clone())
                    }
                },
                kind => kind.clone(),
            };
            entries.push((Entry { kind, ..entry.clone() }, layer));
        }
        Self { entries }
    }

    /// All entries in path order, each with the index of the layer that has it, under its path.
    pub fn entries(&self) -> impl Iterator<Item = (&Entry, usize)> {
        self.entries.iter().map(|(entry, layer)| (entry, *layer))
    }

    /// The same without its root: to be laid into a tree that has one.
    #[must_use]
    pub fn without_root(mut self) -> Self {
        self.entries.retain(|(entry, _)| !entry.path.is_root());
        self
    }

    /// The same with no time behind `seconds` since 1970.
    #[must_use]
    pub fn no_later_than(mut self, seconds: i64) -> Self {
        for (entry, _) in &mut self.entries {
            if entry.mtime.seconds >= seconds {
                entry.mtime = Timestamp { seconds, nanoseconds: 0 };
            }
        }
        self
    }
}

/// The kind of the file that a hard link of a layer is one more name of.
fn content(view: &View, layer: usize, target: &TreePath) -> Option<Kind> {
    let file = view.layers().get(layer)?.entry(target)?;
    matches!(file.kind, Kind::File { .. }).then(|| file.kind.clone())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{ContentHash, LayerManifest};

    fn entry(path: &str, kind: Kind) -> Entry {
        let mtime = Timestamp { seconds: 100, nanoseconds: 5 };
        Entry { kind, ..Entry::directory(TreePath::from(path), mtime) }
    }

    fn file(bytes: &str) -> Kind {
        Kind::File { size: bytes.len() as u64, content: ContentHash::of(bytes.as_bytes()) }
    }

    fn link(target: &str) -> Kind {
        Kind::HardLink { target: target.into() }
    }

    fn merged(layers: Vec<Vec<Entry>>) -> Merged {
        let layers = layers.into_iter().map(|entries| Arc::new(LayerManifest::new(entries)));
        Merged::of(&View::new(layers.collect()))
    }

    fn shown(merged: &Merged) -> Vec<(String, Kind, usize)> {
        let shown =
            |(entry, layer): &(Entry, usize)| (entry.path.to_string(), entry.kind.clone(), *layer);
        merged.entries.iter().map(shown).collect()
    }

    #[test]
    fn upper_layers_count_and_marks_are_gone() {
        let directory = |opaque| Kind::Directory { opaque };
        let lower = vec![
            entry("a", directory(false)),
            entry("a/old", file("old")),
            entry("b", file("b")),
            entry("c", file("c")),
        ];
        let upper = vec![
            entry("a", directory(true)),
            entry("a/new", file("new")),
            entry("b", Kind::Whiteout),
        ];
        assert_eq!(
            shown(&merged(vec![lower, upper])),
            [
                ("/a".to_owned(), directory(false), 1),
                ("/a/new".to_owned(), file("new"), 1),
                ("/c".to_owned(), file("c"), 0),
            ]
        );
    }

    #[test]
    fn a_file_stays_when_its_first_name_is_hidden() {
        let lower = vec![
            entry("a", file("one")),
            entry("b", link("a")),
            entry("c", link("a")),
            entry("d", file("d")),
            entry("e", link("d")),
        ];
        let upper = vec![entry("a", file("two"))];
        assert_eq!(
            shown(&merged(vec![lower, upper])),
            [
                ("/a".to_owned(), file("two"), 1),
                ("/b".to_owned(), file("one"), 0),
                ("/c".to_owned(), link("b"), 0),
                ("/d".to_owned(), file("d"), 0),
                ("/e".to_owned(), link("d"), 0),
            ]
        );
    }

    #[test]
    fn times_are_cut_down() {
        let tree = merged(vec![vec![entry("a", file("a"))]]);
        let time = |tree: &Merged| tree.entries.first().map(|(entry, _)| entry.mtime);
        let at = |seconds, nanoseconds| Some(Timestamp { seconds, nanoseconds });
        assert_eq!(time(&tree.clone().no_later_than(101)), at(100, 5));
        assert_eq!(time(&tree.clone().no_later_than(100)), at(100, 0));
        assert_eq!(time(&tree.no_later_than(7)), at(7, 0));
    }
}
