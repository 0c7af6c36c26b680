//! A stack of layers seen as one tree, the way overlayfs shows it, from manifests alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{Entry, Kind, LayerManifest, TreePath};

/// At most this many symbolic links are followed in one look-up, as in Linux.
pub const MAX_LINKS: usize = 40;

/// What a stack of layers looks like. Cloning copies only pointers.
#[derive(Clone, Debug, Default)]
pub struct View {
    layers: Vec<Arc<LayerManifest>>,
}

/// An entry that a view shows, and the layer that it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown<'a> {
    /// The entry; its path is where the view shows it.
    pub entry: &'a Entry,
    /// Index of its layer in the order given to [`View::new`].
    pub layer: usize,
}

/// Why a path could not be followed to its end.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// Links point at each other.
    #[error("too many symbolic links on the way to {path}")]
    Loop {
        /// What was looked up.
        path: TreePath,
    },
    /// A component before the last one is neither directory nor link.
    #[error("{path} is not a directory")]
    NotDirectory {
        /// That component.
        path: TreePath,
    },
}

impl View {
    /// A view of `layers`, lowest first.
    pub fn new(layers: Vec<Arc<LayerManifest>>) -> Self {
        Self { layers }
    }

    /// This view with one more layer on top.
    #[must_use]
    pub fn with(&self, layer: Arc<LayerManifest>) -> Self {
        let mut layers = self.layers.clone();
        layers.push(layer);
        Self { layers }
    }

    /// The layers, lowest first.
    pub fn layers(&self) -> &[Arc<LayerManifest>] {
        &self.layers
    }

    /// Index of the lowest layer of which anything shows: those below a layer with an opaque root
    /// are hidden. overlayfs does not look at a root's mark, so only the layers from here on may
    /// be mounted.
    pub fn lowest_shown(&self) -> usize {
        let opaque = |layer: &Arc<LayerManifest>| {
            let root = layer.entry(&TreePath::root());
            root.is_some_and(|entry| entry.kind == Kind::Directory { opaque: true })
        };
        self.layers.iter().rposition(opaque).unwrap_or(0)
    }

    /// What is at `path`, following no link, not even on the way.
    pub fn entry(&self, path: &TreePath) -> Option<Shown<'_>> {
        self.layers.iter().enumerate().rev().find_map(|(layer, manifest)| {
            match manifest.entry(path) {
                Some(entry) if entry.kind == Kind::Whiteout => Some(None),
                Some(entry) => Some(Some(Shown { entry, layer })),
                None if hides(manifest, path) => Some(None),
                None => None,
            }
        })?
    }

    /// Where `path` leads when links are followed inside the root, absolute ones included: every
    /// component but the last, and the last one too when `follow_last`. Components that do not
    /// exist stay as they are, so the result may name nothing yet.
    ///
    /// # Errors
    /// When links loop, or when something other than a directory is in the way.
    pub fn resolve(&self, path: &TreePath, follow_last: bool) -> Result<TreePath, ResolveError> {
        resolve_links(path, follow_last, |path| self.entry(path).map(|shown| &shown.entry.kind))
    }

    /// The entry that `path` leads to, with every link followed; `None` where nothing is.
    ///
    /// # Errors
    /// As [`View::resolve`].
    pub fn find(&self, path: &TreePath) -> Result<Option<Shown<'_>>, ResolveError> {
        Ok(self.entry(&self.resolve(path, true)?))
    }

    /// Everything at and below `path`, following no link, in path order.
    pub fn subtree(&self, path: &TreePath) -> Vec<Shown<'_>> {
        let mut shown: BTreeMap<&TreePath, Shown<'_>> = BTreeMap::new();
        if let [only] = self.layers.as_slice() {
            let entries = only.subtree(path).iter().filter(|entry| entry.kind != Kind::Whiteout);
            return entries.map(|entry| Shown { entry, layer: 0 }).collect();
        }
        let first = self.layers.iter().rposition(|layer| hides_or_replaces(layer, path));
        for (layer, manifest) in self.layers.iter().enumerate().skip(first.unwrap_or(0)) {
            for entry in manifest.subtree(path) {
                lay_over(&mut shown, Shown { entry, layer });
            }
        }
        shown.into_values().collect()
    }

    /// The names and entries directly in the directory `path`, in order.
    pub fn children(&self, path: &TreePath) -> Vec<Shown<'_>> {
        let mut shown: BTreeMap<&TreePath, Shown<'_>> = BTreeMap::new();
        let first = self.layers.iter().rposition(|layer| hides_or_replaces(layer, path));
        for (layer, manifest) in self.layers.iter().enumerate().skip(first.unwrap_or(0)) {
            for entry in manifest.children(path) {
                match entry.kind {
                    Kind::Whiteout => shown.remove(&entry.path),
                    _ => shown.insert(&entry.path, Shown { entry, layer }),
                };
            }
        }
        shown.into_values().collect()
    }
}

/// [`View::resolve`] for any tree of which `kind` says what is at a path, following nothing.
pub(crate) fn resolve_links<'a>(
    path: &TreePath,
    follow_last: bool,
    kind: impl Fn(&TreePath) -> Option<&'a Kind>,
) -> Result<TreePath, ResolveError> {
    let mut pending: Vec<Vec<u8>> = path.components().rev().map(<[u8]>::to_vec).collect();
    let mut resolved = TreePath::root();
    let mut links = 0;
    while let Some(component) = pending.pop() {
        if component == b".." {
            resolved = resolved.parent().unwrap_or_default();
            continue;
        }
        let next = resolved.join(&component);
        let last = pending.is_empty();
        match kind(&next) {
            Some(Kind::Symlink { target }) if !last || follow_last => {
                links += 1;
                if links > MAX_LINKS {
                    return Err(ResolveError::Loop { path: path.clone() });
                }
                if target.starts_with(b"/") {
                    resolved = TreePath::root();
                }
                let parts = target.split(|byte| *byte == b'/').rev();
                let parts = parts.filter(|part| !part.is_empty() && *part != b".");
                pending.extend(parts.map(<[u8]>::to_vec));
            }
            Some(Kind::Directory { .. }) | None => resolved = next,
            Some(_) if last => resolved = next,
            Some(_) => return Err(ResolveError::NotDirectory { path: next }),
        }
    }
    Ok(resolved)
}

/// Puts one layer's entry over what lower layers showed.
fn lay_over<'a>(shown: &mut BTreeMap<&'a TreePath, Shown<'a>>, upper: Shown<'a>) {
    let path = &upper.entry.path;
    let merges = matches!(upper.entry.kind, Kind::Directory { opaque: false });
    if !merges {
        let covered: Vec<&TreePath> = shown
            .range::<&TreePath, _>(path..)
            .map(|(path, _)| *path)
            .take_while(|p| p.starts_with(path))
            .collect();
        for path in covered {
            shown.remove(path);
        }
    }
    if upper.entry.kind != Kind::Whiteout {
        shown.insert(path, upper);
    }
}

/// Whether this layer hides what lower layers have at `path`, without having `path` itself.
/// Looked for from the root down: below a directory that a layer lacks it has nothing.
fn hides(layer: &LayerManifest, path: &TreePath) -> bool {
    let kinds = path.ancestors().map_while(|above| layer.entry(&above).map(|entry| &entry.kind));
    let mut hiding = kinds.map(|kind| *kind != Kind::Directory { opaque: false });
    hiding.any(|hides| hides)
}

/// Whether nothing of lower layers shows at or below `path`.
fn hides_or_replaces(layer: &LayerManifest, path: &TreePath) -> bool {
    let own = layer.entry(path).map(|entry| &entry.kind);
    !matches!(own, None | Some(Kind::Directory { opaque: false })) || hides(layer, path)
}

#[cfg(test)]
mod tests;
