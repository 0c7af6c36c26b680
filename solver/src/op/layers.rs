//! Layers that a build has read, so that each manifest is decoded once. Everything that reads bytes of a
//! layer comes through here, and so those of other caches are brought here when they are needed.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use lapstrake_cache::{Layer, Store};
use lapstrake_rootfs::{LayerId, TreePath, View, read};
use lapstrake_transfer::Imports;

use super::Failure;
use crate::Error;
use crate::bases::Bases;

/// The store's layers, with a memory.
pub struct Layers<'a> {
    store: &'a Store,
    imports: &'a Imports<'a>,
    bases: &'a Bases<'a>,
    known: Mutex<HashMap<LayerId, Layer>>,
}

/// A layer that a key speaks of is not in the store.
#[derive(Debug, thiserror::Error)]
#[error("the layer {layer} is missing from the store; build again with --pull or --no-cache")]
pub(super) struct MissingLayer {
    layer: LayerId,
}

/// Layers seen as one tree, whose files can be opened.
pub(super) struct Stack {
    /// The tree.
    pub(super) view: View,
    /// The layers' directories, in the view's order.
    directories: Vec<Arc<OwnedFd>>,
}

impl<'a> Layers<'a> {
    /// Knows none yet.
    pub fn new(store: &'a Store, imports: &'a Imports<'a>, bases: &'a Bases<'a>) -> Self {
        Self { store, imports, bases, known: Mutex::default() }
    }

    /// Keeps `layer` in mind.
    pub fn remember(&self, layer: Layer) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(layer.id, layer);
    }

    /// The layer `id`, brought here if another cache or the registry of a base image has it; `None`
    /// when none has.
    ///
    /// # Errors
    /// When the store cannot be read, or a base image cannot be had.
    pub fn layer(&self, id: &LayerId) -> Result<Option<Layer>, Error> {
        if let Some(layer) = self.here(id)? {
            return Ok(Some(layer));
        }
        let layer = match id {
            LayerId::Image(diff_id) if !self.bases.bring(diff_id)? => return Ok(None),
            LayerId::Image(_) => self.store.layer(id),
            LayerId::Built(_) => self.imports.fetch(id),
        };
        let layer = layer.map_err(Error::Store)?;
        if let Some(layer) = &layer {
            self.remember(layer.clone());
        }
        Ok(layer)
    }

    /// The layer `id`; `None` when it is not in the store.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn here(&self, id: &LayerId) -> Result<Option<Layer>, Error> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let layer = self.store.layer(id).map_err(Error::Store)?;
        if let Some(layer) = &layer {
            self.remember(layer.clone());
        }
        Ok(layer)
    }

    /// The directory of the layer `id` in overlayfs form.
    ///
    /// # Errors
    /// When it is not in the store.
    pub(super) fn directory(&self, id: &LayerId) -> Result<PathBuf, Failure> {
        let here = match self.store.locate(id)? {
            Some(here) => here,
            None => {
                let brought = self.layer(id).map_err(Failure::Build)?;
                brought.ok_or(MissingLayer { layer: *id })?.id
            }
        };
        Ok(self.store.layer_path(&here))
    }

    /// Brings here those of `layers` that another cache has, several at a time.
    ///
    /// # Errors
    /// When the store cannot be read. A layer that cannot be had is none.
    pub fn provide(&self, layers: &[LayerId]) -> Result<(), Error> {
        self.imports.provide(layers).map_err(Error::Store)
    }

    /// The tree of `layers`, lowest first.
    ///
    /// # Errors
    /// When one of them is not in the store.
    pub(super) fn stack(&self, layers: &[LayerId]) -> Result<Stack, Failure> {
        let mut manifests = Vec::with_capacity(layers.len());
        let mut directories = Vec::with_capacity(layers.len());
        self.provide(layers).map_err(Failure::Build)?;
        for id in layers {
            let layer = self.layer(id).map_err(Failure::Build)?;
            let layer = layer.ok_or(MissingLayer { layer: *id })?;
            directories.push(Arc::new(File::open(&layer.path)?.into()));
            manifests.push(layer.manifest);
        }
        Ok(Stack { view: View::new(manifests), directories })
    }
}

impl Stack {
    /// Opens a regular file of the layer with this index.
    ///
    /// # Errors
    /// When it is not there or no regular file.
    pub(super) fn open(&self, layer: usize, path: &TreePath) -> io::Result<File> {
        let directory = self.directories.get(layer).ok_or(io::ErrorKind::NotFound)?;
        read::open_file(directory.as_fd(), path)
    }

    /// The layers' directories, in the view's order.
    pub(super) fn directories(&self) -> &[Arc<OwnedFd>] {
        &self.directories
    }
}
