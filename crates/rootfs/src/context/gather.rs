//! Brings together all that is wanted of a context: follows links to where walks begin, walks
//! there, and follows the links that the walks found if they are wanted themselves.

use std::collections::HashMap;

use super::demand::{Demand, Demands};
use super::index::Visit;
use super::leaf::Leaf;
use super::walk::{Block, Flatten, Walker, folder_of};
use super::{ContextError, Wanted};
use crate::copy::Part;
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
    /// What was wanted below each walked root; no root is below another.
    trees: Vec<Vec<Block>>,
    /// Folders of which everything was wanted.
    whole: Vec<TreePath>,
}

impl Gathered {
    /// Looks at everything that is `wanted`.
    ///
    /// # Errors
    /// When something wanted cannot be read. What does not exist is no error.
    pub(super) fn of(walker: &Walker<'_>, wanted: &[Wanted]) -> Result<Self, ContextError> {
        let mut gathered = Self::default();
        gathered.look_at(walker, &TreePath::root())?;
        match wanted.iter().find(|wanted| wanted.is_everything()) {
            // All that the others want, and all that links can lead to, is in it.
            Some(everything) => gathered.reach(walker, std::slice::from_ref(everything))?,
            None => gathered.reach(walker, wanted)?,
        }
        gathered.finish(walker)?;
        Ok(gathered)
    }

    /// What of this belongs into a stat index: the folders that were wanted as a whole, and what
    /// was found in each folder.
    pub(super) fn visits(&self) -> (&[TreePath], Vec<Visit<'_>>) {
        let mut singles: HashMap<&[u8], &[Leaf]> = HashMap::new();
        for leaves in self.singles.chunk_by(|a, b| folder(a) == folder(b)) {
            singles.extend(leaves.first().map(|first| (folder(first), leaves)));
        }
        let mut visits = Vec::new();
        for block in self.trees.iter().flatten() {
            let path = block.folder.as_bytes();
            let mut leaves: Vec<&Leaf> = block.leaves.iter().collect();
            if let Some(more) = singles.remove(path) {
                leaves.extend(more);
                leaves.sort_by(|a, b| a.entry.path.name().cmp(b.entry.path.name()));
            }
            visits.push(Visit { folder: path, complete: block.is_complete, leaves });
        }
        visits.extend(singles.into_iter().map(|(folder, leaves)| {
            let leaves = leaves.iter().collect();
            Visit { folder, complete: false, leaves }
        }));
        visits.retain(|visit| visit.complete || !visit.is_empty());
        (&self.whole, visits)
    }

    /// The number of leaves.
    pub(super) fn len(&self) -> usize {
        let blocks = self.trees.iter().flatten();
        self.singles.len() + blocks.map(|block| block.leaves.len()).sum::<usize>()
    }

    /// All leaves in path order, each once.
    pub(super) fn into_leaves(mut self) -> Box<dyn Iterator<Item = Leaf>> {
        let is_root = |tree: &Vec<Block>| tree.first().is_some_and(|top| top.folder.is_root());
        let is_sorted = self.singles.len() == 1 && self.trees.iter().all(is_root);
        let trees = std::mem::take(&mut self.trees).into_iter().flat_map(Flatten::new);
        if is_sorted {
            return Box::new(self.singles.into_iter().chain(trees));
        }
        let mut leaves = self.singles;
        leaves.extend(trees);
        leaves.sort_by(|a, b| a.entry.path.cmp(&b.entry.path));
        Box::new(leaves.into_iter())
    }

    /// Follows and walks all of `wanted`, then once more with the links that are wanted themselves,
    /// if they lead to more.
    fn reach(&mut self, walker: &Walker<'_>, wanted: &[Wanted]) -> Result<(), ContextError> {
        let mut demands = Demands::default();
        for wanted in wanted {
            if let Some(end) = self.follow(walker, wanted.start())? {
                self.demand(walker, &mut demands, wanted.of(end));
            }
        }
        self.walk(walker, &demands)?;
        let mut is_more = false;
        for (link, part) in self.links_named(&demands) {
            if let Some(base) = self.follow(walker, &link)? {
                let demand = Demand { base, pattern: None, part };
                is_more |= self.demand(walker, &mut demands, demand);
            }
        }
        // The links that a pattern names were all found by the first walk.
        if is_more { self.walk(walker, &demands) } else { Ok(()) }
    }

    /// Adds a demand on something that was looked at, if it is a folder; returns whether it wants
    /// more than the others. Without a pattern the folder is wanted itself.
    fn demand(&mut self, walker: &Walker<'_>, demands: &mut Demands, demand: Demand) -> bool {
        let place = self.places.get(&demand.base);
        let base = place.and_then(|place| self.singles.get_mut(*place));
        let Some(leaf) = base.filter(|leaf| leaf.entry.is_directory()) else { return false };
        if demand.pattern.is_none() {
            leaf.is_passage = walker.filter.excludes(&demand.base);
        }
        demands.add(demand)
    }

    fn walk(&mut self, walker: &Walker<'_>, demands: &Demands) -> Result<(), ContextError> {
        let trees = demands.roots().into_iter().map(|root| walker.walk(root, demands));
        self.trees = trees.collect::<Result<_, _>>()?;
        self.whole = demands.whole().cloned().collect();
        Ok(())
    }

    /// Drops what trees have too, reads what is not read yet, and sorts by folder and name.
    fn finish(&mut self, walker: &Walker<'_>) -> Result<(), ContextError> {
        if self.singles.len() > 1 {
            let blocks = self.trees.iter().flatten();
            let blocks: HashMap<&[u8], &Block> =
                blocks.map(|block| (block.folder.as_bytes(), block)).collect();
            self.singles.retain(|leaf| {
                let path = &leaf.entry.path;
                let block = blocks.get(folder(leaf)).filter(|_| !path.is_root());
                !block.is_some_and(|block| block.has(path))
            });
        }
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
        let Some(mut leaf) = walker.single(path)? else { return Ok(None) };
        leaf.is_passage |= leaf.entry.is_directory() && !path.is_root();
        let kind = leaf.entry.kind.clone();
        self.places.insert(path.clone(), self.singles.len());
        self.singles.push(leaf);
        Ok(Some(kind))
    }

    fn single(&self, path: &TreePath) -> Option<&Leaf> {
        self.singles.get(*self.places.get(path)?)
    }

    /// The links in walked trees that a pattern names, each with what is wanted of a folder that it
    /// may lead to.
    fn links_named(&self, demands: &Demands) -> Vec<(TreePath, Part)> {
        if !demands.has_patterns() {
            return Vec::new();
        }
        let leaves = self.trees.iter().flatten().flat_map(|block| &block.leaves);
        let links = leaves.filter(|leaf| matches!(leaf.entry.kind, Kind::Symlink { .. }));
        let named = links.flat_map(|leaf| {
            let path = &leaf.entry.path;
            demands.naming(path).map(|part| (path.clone(), part.clone()))
        });
        named.collect()
    }
}

/// The bytes of the path of the folder that holds the leaf.
fn folder(leaf: &Leaf) -> &[u8] {
    folder_of(&leaf.entry.path)
}
