//! Records: a vertex's result is looked up, or else made by one maker at a time, and kept.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lapstrake_cache::{ActionKey, Record, Staging, StepId};
use lapstrake_rootfs::{LayerId, LayerManifest};

use super::miss::Action;
use super::{Begin, Failure, Rootfs, Value, Workshop};
use crate::Error;
use crate::event::{Event, Outcome, Wait};
use crate::graph::{Op, Vertex, VertexId};

/// A layer that was just made, to be kept.
pub(super) struct Made {
    pub(super) staging: Staging,
    pub(super) manifest: Arc<LayerManifest>,
    /// Under what the next such step finds it, to take files from.
    pub(super) step: Option<StepId>,
    /// Whether others may find it by its key.
    pub(super) is_recorded: bool,
}

impl Workshop<'_> {
    /// Takes the record of `key`, or makes the layer and records it; one maker at a time for each
    /// key, in all processes.
    pub(super) fn recorded(
        &self,
        id: VertexId,
        vertex: &Vertex,
        below: &Rootfs,
        action: &Action<'_>,
        begin: Begin<'_>,
        make: impl FnOnce() -> Result<Made, Failure>,
    ) -> Result<(Value, Outcome), Failure> {
        let key = &action.key;
        if let Some(found) = self.cached(id, vertex, below, key)? {
            return Ok(found);
        }
        let _lock = self.store.lock_action(key, &self.waiting(id, vertex, Wait::Execution))?;
        if let Some(found) = self.cached(id, vertex, below, key)? {
            return Ok(found);
        }
        begin();
        if vertex.name.is_some() {
            (self.events)(Event::Started { vertex: id });
        }
        let explain = || self.explain(id, vertex, below, action);
        let start = Instant::now();
        let (ledger, made) = match vertex.op {
            // Many files take long to compare, and there is no output that the reason has to precede.
            Op::Copy(_) => beside(explain, make),
            _ => (explain(), make()),
        };
        let (ledger, made) = (ledger?, made?);
        let is_recorded = made.is_recorded;
        let record = self.keep(id, made, key)?;
        if is_recorded && vertex.name.is_some() {
            self.store.put_took(key, start.elapsed())?;
        }
        let name = vertex.name.as_deref().unwrap_or_default();
        let step = ledger.as_ref().map(|ledger| (ledger.step(), name, self.project));
        self.store.put_origin(key, below.layers.last(), step)?;
        if let Some(ledger) = ledger {
            ledger.keep(self.store)?;
        }
        self.digests.add(id, record.layer);
        Ok((below.with(&record), Outcome::Executed))
    }

    /// Whether to stop while something is waited for; says so once it takes a moment.
    pub(super) fn waiting(&self, id: VertexId, vertex: &Vertex, wait: Wait) -> impl Fn() -> bool {
        let (begin, wait) = (Instant::now(), Cell::new(Some(wait)));
        let is_shown = vertex.name.is_some();
        move || {
            if is_shown
                && begin.elapsed() >= MOMENT
                && let Some(wait) = wait.take()
            {
                (self.events)(Event::Waiting { vertex: id, wait });
            }
            self.cancel.is_cancelled()
        }
    }

    /// What the store or another cache knows of `key`. Of the latter's layer nothing need be here.
    pub(super) fn cached(
        &self,
        id: VertexId,
        vertex: &Vertex,
        below: &Rootfs,
        key: &ActionKey,
    ) -> Result<Option<(Value, Outcome)>, Failure> {
        if !vertex.cache {
            return Ok(None);
        }
        let record = match self.store.record(key)? {
            Some(record) => Some(record),
            None => self.shared_record(id, vertex, key)?,
        };
        Ok(record.map(|record| {
            self.journal.note(id, *key, record);
            (below.with(&record), Outcome::Cached)
        }))
    }

    /// What another cache knows of `key`; those that cannot be read are told.
    fn shared_record(
        &self,
        id: VertexId,
        vertex: &Vertex,
        key: &ActionKey,
    ) -> Result<Option<Record>, Failure> {
        let found = self.imports.record(key, &self.waiting(id, vertex, Wait::SharedCache));
        for (place, error) in self.imports.take_failures() {
            let message = format!("cannot use the cache {place}: {}", error.with_causes());
            (self.events)(Event::Lost { message });
        }
        match self.cancel.is_cancelled() {
            true => Err(Failure::Build(Error::Cancelled)),
            false => Ok(found),
        }
    }

    fn keep(&self, id: VertexId, made: Made, key: &ActionKey) -> Result<Record, Failure> {
        let layer = LayerId::Built(made.manifest.content_hash());
        let layer = self.store.commit_layer(made.staging, layer, made.manifest)?;
        if layer.manifest.entries().len() >= MANY_FILES {
            self.store.flush_behind();
        }
        let created = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let record = Record {
            layer: layer.id,
            created: i64::try_from(created.as_nanos()).unwrap_or(i64::MAX),
        };
        self.layers.remember(layer);
        match made.is_recorded {
            true => {
                // One that was executed once more, and was here already, may have come to something else.
                let earlier = self.store.record(key)?;
                if let Some(earlier) = earlier.filter(|earlier| earlier.layer != record.layer) {
                    self.store.put_variation(key, &earlier.layer)?;
                }
                self.store.put_record(key, &record)?;
                self.journal.note(id, *key, record);
            }
            false => self.journal.withhold(id),
        }
        if let Some(step) = &made.step {
            self.store.put_previous(step, &record.layer)?;
        }
        Ok(record)
    }
}

/// Does both at the same time, the first in a thread of its own.
pub(crate) fn beside<A: Send, B>(
    one: impl FnOnce() -> A + Send,
    other: impl FnOnce() -> B,
) -> (A, B) {
    std::thread::scope(|scope| {
        let one = scope.spawn(one);
        let other = other();
        let one = one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (one, other)
    })
}

/// Waits that are shorter are not told.
const MOMENT: Duration = Duration::from_secs(1);

/// A layer of so many files takes long enough to get to disk that it is begun before the end of the build.
const MANY_FILES: usize = 4096;
