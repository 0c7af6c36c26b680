//! A layer's manifest beside what a scan of its files found. Pure.

use std::collections::BTreeMap;

use lapstrake_rootfs::{Entry, Kind, LayerManifest, TreePath};

use super::Fault;

/// The first difference, in path order; another time only when there is nothing else: what is done to a
/// file changes the time of its directory.
pub(super) fn compare(manifest: &LayerManifest, found: &LayerManifest) -> Result<(), Fault> {
    let (told, found) = (Links::of(manifest), Links::of(found));
    let mut here = found.entries.iter().peekable();
    let mut late = None;
    for (path, entry) in &told.entries {
        if let Some((added, _)) = here.next_if(|(other, _)| *other < path) {
            return Err(Fault::Added { path: (*added).clone() });
        }
        let Some((_, other)) = here.next_if(|(other, _)| *other == path) else {
            return Err(Fault::Lost { path: (*path).clone() });
        };
        if let Some(aspect) = difference(entry, other) {
            return Err(Fault::Changed { path: (*path).clone(), aspect });
        }
        if entry.mtime != other.mtime {
            late.get_or_insert(Fault::Changed { path: (*path).clone(), aspect: "time" });
        }
        if told.first_name(path) != found.first_name(path) {
            return Err(Fault::Changed { path: (*path).clone(), aspect: "set of hard links" });
        }
    }
    match here.next() {
        Some((added, _)) => Err(Fault::Added { path: (*added).clone() }),
        None => late.map_or(Ok(()), Err),
    }
}

fn difference(told: &Entry, found: &Entry) -> Option<&'static str> {
    let aspects = [
        ("kind", std::mem::discriminant(&told.kind) != std::mem::discriminant(&found.kind)),
        ("content", told.kind != found.kind),
        ("mode", told.mode != found.mode),
        ("owner", (told.uid, told.gid) != (found.uid, found.gid)),
        ("extended attribute", told.xattrs != found.xattrs),
    ];
    aspects.into_iter().find_map(|(aspect, differs)| differs.then_some(aspect))
}

/// The entries of a manifest, each name of a file with several as the file itself: which of them has
/// the content is the tar's choice.
struct Links<'a> {
    entries: BTreeMap<&'a TreePath, &'a Entry>,
    /// Of a file with several names: the entry with its content, and the first name.
    groups: BTreeMap<&'a TreePath, &'a TreePath>,
}

impl<'a> Links<'a> {
    fn of(manifest: &'a LayerManifest) -> Self {
        let mut entries = BTreeMap::new();
        let mut groups: BTreeMap<&TreePath, &TreePath> = BTreeMap::new();
        for entry in manifest.entries() {
            let Kind::HardLink { target } = &entry.kind else {
                entries.insert(&entry.path, entry);
                continue;
            };
            let inode = manifest.entry(target).unwrap_or(entry);
            entries.insert(&entry.path, inode);
            // A scan takes each name of anything else for a thing of its own.
            if matches!(inode.kind, Kind::File { .. }) {
                let first = groups.entry(&inode.path).or_insert(&inode.path);
                *first = (*first).min(&entry.path);
            }
        }
        Self { entries, groups }
    }

    fn first_name(&self, path: &TreePath) -> Option<&'a TreePath> {
        let inode = self.entries.get(path)?;
        self.groups.get(&inode.path).copied()
    }
}
