//! Brings together all that is wanted of a context: follows links to where walks begin, walks
//! there, and follows the links that the walks found if they are wanted themselves.

use std::collections::{HashMap, HashSet};

use super::index::Visit;
use super::leaf::Leaf;
use super::walk::{Block, Flatten, Walker, folder_of};
use super::{ContextError, Wanted};
use crate::view::MAX_LINKS;
use crate::{Kind, TreePath};

/// Everything that one scan came across.
#[derive(Default)]
pub(super) struct Gathered {
    /// Single paths: parents, links on the way, walked roots, files that are wanted by name.
    /// In the end each path is here or in a tree, never in both.
    singles: Vec<Leaf>,
    /// Where in `singles` a path is.
    places: HashMap<TreePath, usize>,
    /// What lies below each walked root; no root is below another.
    trees: Vec<Vec<Block>>,
    walked: Vec<TreePath>,
}

impl Gathered {
    /// Looks at everything that is `wanted`.
    ///
    /// # Errors
    /// When something wanted cannot be read. What does not exist is no error.
    pub(super) fn of(walker: &Walker<'_>, wanted: &[Wanted]) -> Result<Self, ContextError> {
        let mut gathered = Self::default();
        gathered.look_at(walker, &TreePath::root())?;
        if wanted.iter().any(|wanted| wanted.start().is_root()) {
            gathered.walk(walker, vec![TreePath::root()])?;
        } else {
            gathered.reach(walker, wanted)?;
        }
        gathered.finish(walker)?;
        Ok(gathered)
    }

    /// What of this belongs into a stat index: the roots that were walked, and all folders.
    pub(super) fn visits(&self) -> (&[TreePath], Vec<Visit<'_>>) {
        let trees = self.trees.iter().flatten().map(Block::visit);
        let folders = self.singles.chunk_by(|a, b| folder(a) == folder(b));
        let singles = folders.filter_map(|leaves| {
            let folder = leaves.first().map(folder)?;
            Some(Visit { folder, complete: false, leaves })
        });
        let singles = singles.filter(|visit| !visit.is_empty());
        (&self.walked, trees.chain(singles).collect())
    }

    /// The number of leaves.
    pub(super) fn len(&self) -> usize {
        let blocks = self.trees.iter().flatten();
        self.singles.len() + blocks.map(|block| block.leaves.len()).sum::<usize>()
    }

    /// All leaves in path order, each once.
    pub(super) fn into_leaves(mut self) -> Box<dyn Iterator<Item = Leaf>> {
        let is_whole = self.singles.len() == 1 && self.walked.iter().all(TreePath::is_root);
        let trees = std::mem::take(&mut self.trees).into_iter().flat_map(Flatten::new);
        if is_whole {
            return Box::new(self.singles.into_iter().chain(trees));
        }
        let mut leaves = self.singles;
        leaves.extend(trees);
        leaves.sort_by(|a, b| a.entry.path.cmp(&b.entry.path));
        Box::new(leaves.into_iter())
    }

    /// Follows and walks all of `wanted`, then the links that the walks found and that are wanted
    /// themselves, until there are no more.
    fn reach(&mut self, walker: &Walker<'_>, wanted: &[Wanted]) -> Result<(), ContextError> {
        let mut bases = Vec::new();
        for wanted in wanted {
            if let Some(end) = self.follow(walker, wanted.start())? {
                bases.push((wanted, end));
            }
        }
        let mut ends: Vec<TreePath> = bases.iter().map(|(_, end)| end.clone()).collect();
        let mut followed = HashSet::new();
        while !ends.is_empty() {
            self.walk(walker, ends)?;
            ends = Vec::new();
            for link in self.links_named(&bases) {
                if followed.insert(link.clone()) {
                    ends.extend(self.follow(walker, &link)?);
                }
            }
        }
        Ok(())
    }

    /// Walks from those of `ends` that are folders and that no walk has covered yet.
    fn walk(&mut self, walker: &Walker<'_>, mut ends: Vec<TreePath>) -> Result<(), ContextError> {
        ends.sort();
        for end in ends {
            let is_folder = self.single(&end).is_some_and(|leaf| leaf.entry.is_directory());
            if !is_folder || self.walked.iter().any(|root| end.starts_with(root)) {
                continue;
            }
            let is_apart = |root: &TreePath| !root.starts_with(&end);
            self.trees.retain(|blocks| blocks.first().is_some_and(|top| is_apart(&top.folder)));
            self.walked.retain(is_apart);
            self.trees.push(walker.walk(end.clone())?);
            self.walked.push(end);
        }
        Ok(())
    }

    /// Drops what trees have too, reads what is not read yet, and sorts by folder and name.
    fn finish(&mut self, walker: &Walker<'_>) -> Result<(), ContextError> {
        let walked = &self.walked;
        let is_in_tree =
            |path: &TreePath| walked.iter().any(|root| path != root && path.starts_with(root));
        self.singles.retain(|leaf| !is_in_tree(&leaf.entry.path));
        walker.read(&mut self.singles)?;
        self.singles.sort_by(|a, b| {
            (folder(a), a.entry.path.name()).cmp(&(folder(b), b.entry.path.name()))
        });
        Ok(())
    }

    /// Looks at `path` and everything on the way to it, links followed inside the context, and
    /// returns where it leads.
    fn follow(
        &mut self,
        walker: &Walker<'_>,
        path: &TreePath,
    ) -> Result<Option<TreePath>, ContextError> {
        let mut pending: Vec<Vec<u8>> = path.components().rev().map(<[u8]>::to_vec).collect();
        let mut reached = TreePath::root();
        let mut links = 0;
        while let Some(component) = pending.pop() {
            if component == b".." {
                reached = reached.parent().unwrap_or_default();
                continue;
            }
            let next = reached.join(&component);
            match self.look_at(walker, &next)? {
                None => return Ok(None),
                Some(Kind::Symlink { target }) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Ok(None);
                    }
                    if target.starts_with(b"/") {
                        reached = TreePath::root();
                    }
                    let parts = target.split(|byte| *byte == b'/').rev();
                    let parts = parts.filter(|part| !part.is_empty() && *part != b".");
                    pending.extend(parts.map(<[u8]>::to_vec));
                }
                Some(_) => reached = next,
            }
        }
        Ok(Some(reached))
    }

    /// Looks at the single path `path` unless that was done before; `None` when nothing is there.
    fn look_at(
        &mut self,
        walker: &Walker<'_>,
        path: &TreePath,
    ) -> Result<Option<Kind>, ContextError> {
        if let Some(leaf) = self.single(path) {
            return Ok(Some(leaf.entry.kind.clone()));
        }
        let Some(leaf) = walker.single(path)? else { return Ok(None) };
        let kind = leaf.entry.kind.clone();
        self.places.insert(path.clone(), self.singles.len());
        self.singles.push(leaf);
        Ok(Some(kind))
    }

    fn single(&self, path: &TreePath) -> Option<&Leaf> {
        self.singles.get(*self.places.get(path)?)
    }

    /// The links in walked trees that a pattern names.
    fn links_named(&self, bases: &[(&Wanted, TreePath)]) -> Vec<TreePath> {
        let bases: Vec<_> = bases.iter().filter(|(wanted, _)| wanted.has_pattern()).collect();
        if bases.is_empty() {
            return Vec::new();
        }
        let leaves = self.trees.iter().flatten().flat_map(|block| &block.leaves);
        let links = leaves.filter(|leaf| matches!(leaf.entry.kind, Kind::Symlink { .. }));
        let paths = links.map(|leaf| &leaf.entry.path);
        let named =
            paths.filter(|path| bases.iter().any(|(wanted, base)| wanted.names(base, path)));
        named.cloned().collect()
    }
}

/// The bytes of the path of the folder that holds the leaf.
fn folder(leaf: &Leaf) -> &[u8] {
    folder_of(&leaf.entry.path)
}
