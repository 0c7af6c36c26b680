//! Diff ids of layers, computed beside the next steps.
//!
//! A layer of the target is digested as soon as it is there, by one thread of its own, so that an
//! export mostly finds what it needs noted in the store. One that has files to link is digested while
//! they are linked.

use std::collections::VecDeque;
use std::fs::File;
use std::os::fd::AsFd as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use lapstrake_cache::Store;
use lapstrake_executor::Cancel;
use lapstrake_oci::Digest;
use lapstrake_rootfs::LayerId;
use lapstrake_rootfs::tar::{self, Digested, Earlier, PackError};
use lapstrake_rootfs::writer::Announced;

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
    layers: VecDeque<Waiting>,
    closed: bool,
}

/// A layer that waits for its digest.
enum Waiting {
    /// It is not in the store yet, and may never be. The other one may begin as it does.
    Announced(Announced, Option<LayerId>),
    /// It is in the store.
    Here(LayerId),
}

impl Digests {
    /// Takes only layers of these vertices.
    pub fn of(mut wanted: Vec<VertexId>) -> Self {
        wanted.sort_unstable();
        Self { wanted, ..Self::default() }
    }

    /// Adds the layer that `vertex` made.
    pub fn add(&self, vertex: VertexId, layer: LayerId) {
        self.push(vertex, Waiting::Here(layer));
    }

    /// Tells of the layer that `vertex` is making. It has to be added once it is there. It may begin as
    /// `previous` does.
    pub(crate) fn announce(&self, vertex: VertexId, layer: Announced, previous: Option<LayerId>) {
        self.push(vertex, Waiting::Announced(layer, previous));
    }

    fn push(&self, vertex: VertexId, waiting: Waiting) {
        if self.wanted.binary_search(&vertex).is_ok() {
            self.lock().layers.push_back(waiting);
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

    /// Digests layers until there will be no more, or the build is cancelled. A layer that cannot be digested is
    /// left for the export, which says why.
    pub fn work(&self, store: &Store, layers: &Layers<'_>, cancel: &Cancel) {
        let mut early: Vec<(Announced, Digested)> = Vec::new();
        while let Some(waiting) = self.next() {
            match waiting {
                Waiting::Announced(layer, previous) => {
                    let digested = early_digest(&layer, previous, (store, layers), cancel);
                    early.extend(digested.map(|digested| (layer, digested)));
                }
                Waiting::Here(id) => {
                    let known = early.iter().find(|(layer, _)| is_kept(layer, &id, layers));
                    match known {
                        Some((_, digested)) => drop(keep(&id, digested, store)),
                        // One of another cache may never be needed here.
                        None if layers.here(&id).is_ok_and(|layer| layer.is_none()) => {}
                        None => drop(digest(&id, store, layers, cancel)),
                    }
                }
            }
        }
    }

    fn next(&self) -> Option<Waiting> {
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

/// The digest of a layer that is still being made.
fn early_digest(
    layer: &Announced,
    previous: Option<LayerId>,
    (store, layers): (&Store, &Layers<'_>),
    cancel: &Cancel,
) -> Option<Digested> {
    let previous = previous.and_then(|id| layers.here(&id).ok().flatten());
    let checkpoints = previous.as_ref().and_then(|layer| store.checkpoints(&layer.id));
    let earlier = previous.as_ref().zip(checkpoints.as_ref());
    let earlier =
        earlier.map(|(layer, checkpoints)| Earlier { manifest: &layer.manifest, checkpoints });
    layer.digest(earlier, &|| cancel.is_cancelled()).ok()
}

/// Notes a digest, and from where that of a similar layer can go on.
fn keep(id: &LayerId, digested: &Digested, store: &Store) -> Result<(), lapstrake_cache::Error> {
    if !digested.checkpoints.is_empty() {
        store.put_checkpoints(id, &digested.checkpoints)?;
    }
    store.put_diff_id(id, &digested.diff_id, digested.size)
}

/// Whether the layer that was announced is the one that the store has now. One of the same content that
/// was there before stays, and has other times.
fn is_kept(announced: &Announced, id: &LayerId, layers: &Layers<'_>) -> bool {
    let layer = layers.here(id).ok().flatten();
    layer.is_some_and(|layer| Arc::ptr_eq(&layer.manifest, &announced.manifest))
}

/// Digest and size of a layer's canonical tar: as noted in the store, or computed and noted.
///
/// # Errors
/// When the layer is not in the store or cannot be read; [`Error::Cancelled`].
pub fn digest(
    id: &LayerId,
    store: &Store,
    layers: &Layers<'_>,
    cancel: &Cancel,
) -> Result<(Digest, u64), Error> {
    if let Some(noted) = store.diff_id(id).map_err(Error::Store)? {
        return Ok(noted);
    }
    let failed = |source| Error::Export { what: "layer digest", source };
    let layer = layers.layer(id)?;
    let layer = layer.ok_or_else(|| failed(format!("the layer {id} is missing").into()))?;
    let folder = File::open(&layer.path).map_err(|error| failed(error.into()))?;
    let stop = || cancel.is_cancelled();
    let digested = match tar::digest(&layer.manifest, None, |_| folder.as_fd(), &stop) {
        Err(PackError::Stopped) => return Err(Error::Cancelled),
        digested => digested.map_err(|error| failed(error.into()))?,
    };
    keep(id, &digested, store).map_err(Error::Store)?;
    Ok((digested.diff_id, digested.size))
}
