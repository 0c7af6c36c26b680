//! One path of a tree, taken as it is: what a mount shows.

use super::origin::Origin;
use super::select::item_at;
use super::selection::{Item, Selection, Top};
use super::write::write;
use super::{CopyError, CopySpec};
use crate::{ContentHash, LayerWriter, Meta, TreePath};

/// What is at one path of a view, with everything below it.
#[derive(Clone, Debug)]
pub struct Subtree<'a> {
    selection: Selection<'a>,
}

/// Finds what `path` names in `source`, without touching a file. Wildcards mean themselves, links
/// are followed inside the root up to what is named, and kept below it.
///
/// # Errors
/// When nothing is there, or links loop.
pub fn subtree<'a>(source: &'a crate::View, path: &TreePath) -> Result<Subtree<'a>, CopyError> {
    let items = vec![item_at(source, path)?];
    Ok(Subtree { selection: Selection { items, owners_count: true } })
}

impl Subtree<'_> {
    /// What stands for the subtree in a cache key: equal hashes mean that the same is seen there,
    /// times and the name of the path itself aside.
    pub fn content_hash(&self) -> ContentHash {
        self.selection.whole_hash()
    }

    /// Every file of it that is told apart, as it lies in its source.
    pub fn listing(&self) -> Vec<super::Listed> {
        self.selection.listing()
    }

    /// Writes the subtree to `place`, where nothing may be: what was named becomes `place` itself,
    /// with its mode and owner.
    ///
    /// # Errors
    /// When reading or writing fails. A part may be written then.
    pub fn write(
        &self,
        place: &TreePath,
        origin: &Origin<'_>,
        writer: &mut LayerWriter,
    ) -> Result<(), CopyError> {
        let destination = place.as_bytes().to_vec();
        let spec = CopySpec { destination, keep_owner: true, ..CopySpec::default() };
        write(&self.selection, &spec, origin, writer)?;
        let directories = self.selection.items.iter().filter_map(|item| match item {
            Item { top: Top::Directory(tree), .. } => tree.top,
            _ => None,
        });
        for entry in directories {
            writer
                .directory(place, &Meta::of(entry))
                .map_err(|source| CopyError::Write { index: None, source })?;
        }
        Ok(())
    }
}
