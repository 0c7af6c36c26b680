//! Diff ids of layers, computed beside the next steps.
//!
//! A layer of the target is digested as soon as it is there, by one thread of its own, so that an
//! export mostly finds what it needs noted in the store.

use std::collections::VecDeque;
use std::fs::File;
use std::os::fd::AsFd as _;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use lapstrake_cache::Store;
use lapstrake_oci::Digest;
use lapstrake_rootfs::{LayerId, tar};

use crate::Error;
use crate::graph::VertexId;
use crate::op::Layers;

/// Layers that wait for their digest.
#[derive(Default)]
pub struct Digests {
    /// Vertices whose layers are part of the image.
    wanted: Vec<VertexId>,
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    layers: VecDeque<LayerId>,
    closed: bool,
}

impl Digests {
    /// Takes only layers of these vertices.
    pub fn of(mut wanted: Vec<VertexId>) -> Self {
        wanted.sort_unstable();
        Self { wanted, ..Self::default() }
    }

    /// Adds the layer that `vertex` made.
    pub fn add(&self, vertex: VertexId, layer: LayerId) {
        if self.wanted.binary_search(&vertex).is_ok() {
            self.lock().layers.push_back(layer);
            self.changed.notify_one();
        }
    }

    /// Says that no layer will be added. Those that still wait are dropped unless `finish`.
    pub fn close(&self, finish: bool) {
        let mut queue = self.lock();
        queue.closed = true;
        if !finish {
            queue.layers.clear();
        }
        self.changed.notify_one();
    }

    /// Digests layers until there will be no more. A layer that cannot be digested is left for the
    /// export, which says why.
    pub fn work(&self, store: &Store, layers: &Layers<'_>) {
        while let Some(layer) = self.next() {
            drop(digest(&layer, store, layers));
        }
    }

    fn next(&self) -> Option<LayerId> {
        let mut queue = self.lock();
        loop {
            if let Some(layer) = queue.layers.pop_front() {
                return Some(layer);
            }
            if queue.closed {
                return None;
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Digest and size of a layer's canonical tar: as noted in the store, or computed and noted.
///
/// # Errors
/// When the layer is not in the store or cannot be read.
pub fn digest(id: &LayerId, store: &Store, layers: &Layers<'_>) -> Result<(Digest, u64), Error> {
    if let Some(noted) = store.diff_id(id).map_err(Error::Store)? {
        return Ok(noted);
    }
    let failed = |source| Error::Export { what: "layer digest", source };
    let layer = layers.layer(id).map_err(Error::Store)?;
    let layer = layer.ok_or_else(|| failed(format!("the layer {id} is missing").into()))?;
    let folder = File::open(&layer.path).map_err(|error| failed(error.into()))?;
    let (digest, size) =
        tar::diff_id(folder.as_fd(), &layer.manifest).map_err(|error| failed(error.into()))?;
    store.put_diff_id(id, &digest, size).map_err(Error::Store)?;
    Ok((digest, size))
}
