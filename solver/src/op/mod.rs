//! One vertex: its key, the look-up, and on a miss its execution.

mod agent;
mod ahead;
mod copy;
mod encoding;
mod fetch;
mod layers;
mod leak;
mod local;
mod miss;
mod mkdir;
mod mount;
mod option;
mod own;
mod owner;
mod part;
mod remains;
mod run;
mod secret;
mod shown;
mod start;
mod subtree;

use std::cell::Cell;
use std::error::Error as StdError;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lapstrake_cache::{ActionKey, Record, Staging, StepId, Store};
use lapstrake_executor::{self as executor, Cancel, Executor};
use lapstrake_rootfs::context::ContextTree;
use lapstrake_rootfs::{LayerId, LayerManifest, Timestamp};
use lapstrake_source::{Fetcher, Secrets};
use lapstrake_transfer::Imports;

use self::layers::Stack;
use self::miss::Action;
use self::owner::Owners;
use crate::build::Bounds;
use crate::digest::Digests;
use crate::event::{Outcome, Sink, Wait};
use crate::graph::{Graph, LocalOp, Op, Vertex, VertexId};
use crate::journal::Journal;
use crate::{Error, Event};

pub use agent::Agents;
pub use ahead::Ahead;
pub use fetch::source_time;
pub use layers::Layers;
pub use local::{Context, Contexts};
pub(crate) use own::{copied_sources, fetched_parts};

/// What a vertex comes to.
#[derive(Clone)]
pub enum Value {
    /// A root file system.
    Rootfs(Rootfs),
    /// Files to copy from that are not a layer.
    Tree(Arc<ContextTree>),
}

/// Layers, lowest first.
#[derive(Clone, Debug, Default)]
pub struct Rootfs {
    /// How they are known.
    pub layers: Vec<LayerId>,
    /// When the topmost one was made, if it was made by a build: nanoseconds since 1970.
    pub created: Option<i64>,
}

/// What all vertices of a build share.
pub struct Workshop<'a> {
    /// All that is to be done.
    pub graph: &'a Graph,
    /// See [`crate::Request`].
    pub project: &'a str,
    /// Where results are kept.
    pub store: &'a Store,
    /// What runs commands.
    pub executor: &'a dyn Executor,
    /// Stops what is running.
    pub cancel: &'a Cancel,
    /// Who is told.
    pub events: Sink<'a>,
    /// Build contexts.
    pub contexts: &'a Contexts,
    /// What fetches.
    pub fetcher: &'a Fetcher<'a>,
    /// Secrets that commands may read.
    pub secrets: &'a Secrets,
    /// ssh agents that commands may use.
    pub agents: &'a Agents,
    /// What commands are kept to.
    pub bounds: &'a Bounds,
    /// What other caches know.
    pub imports: &'a Imports<'a>,
    /// What the steps came to.
    pub journal: Journal,
    /// Layers that were already read.
    pub layers: Layers<'a>,
    /// The network of commands that do not say which.
    pub network: DefaultNetwork<'a>,
    /// Has that found early.
    pub ahead: Ahead,
    /// The host's resolv.conf.
    pub resolv_conf: &'a [u8],
    /// That of systemd-resolved with the real servers, where there is one.
    pub resolved_conf: Option<&'a [u8]>,
    /// Where layers of the image are digested.
    pub digests: Digests,
    /// The time that the image is to be from: seconds since 1970.
    pub epoch: Option<i64>,
}

/// Finds the network of commands that do not say which, when the first of them begins or a moment before;
/// always the same one. It is in no key: a command is to come to the same in all of them.
pub type DefaultNetwork<'a> = &'a (dyn Fn() -> Result<executor::Network, Fault> + Sync);

type Fault = Box<dyn StdError + Send + Sync>;

/// How a vertex fails, before it is known which one it is.
enum Failure {
    /// With an error of the build.
    Build(Error),
    /// With a cause.
    Cause(Fault),
}

impl<E: StdError + Send + Sync + 'static> From<E> for Failure {
    fn from(cause: E) -> Self {
        Self::Cause(Box::new(cause))
    }
}

/// A layer that was just made, to be kept.
struct Made {
    staging: Staging,
    manifest: Arc<LayerManifest>,
    /// Under what the next such step finds it, to take files from.
    step: Option<StepId>,
    /// Whether others may find it by its key.
    is_recorded: bool,
}

impl Workshop<'_> {
    /// Comes to the value of a vertex, from the cache when it can. Reports every vertex that has a
    /// name.
    ///
    /// # Errors
    /// What went wrong, with the vertex's name and place.
    pub fn execute(
        &self,
        id: VertexId,
        vertex: &Vertex,
        inputs: Vec<Value>,
    ) -> Result<Value, Error> {
        let begin = Instant::now();
        let finished = |outcome| {
            if vertex.name.is_some() {
                (self.events)(Event::Finished { vertex: id, outcome, elapsed: begin.elapsed() });
            }
        };
        if self.cancel.is_cancelled() {
            finished(Outcome::Cancelled);
            return Err(Error::Cancelled);
        }
        match self.value(id, vertex, &inputs) {
            Ok((value, outcome)) => {
                finished(outcome);
                Ok(value)
            }
            Err(failure) => {
                let cancelled = self.cancel.is_cancelled();
                if self.imports.has_losses() && !cancelled {
                    // The build begins again without the layer, so nothing is to be stopped.
                    finished(Outcome::Cancelled);
                    return Err(failure.of(vertex));
                }
                finished(if cancelled { Outcome::Cancelled } else { Outcome::Failed });
                // Nothing else is to go on in vain.
                self.cancel.cancel();
                Err(if cancelled { Error::Cancelled } else { failure.of(vertex) })
            }
        }
    }

    fn value(
        &self,
        id: VertexId,
        vertex: &Vertex,
        inputs: &[Value],
    ) -> Result<(Value, Outcome), Failure> {
        match &vertex.op {
            Op::Image(op) => {
                let layers = op.layers.iter().copied().map(LayerId::Image).collect();
                Ok((Value::Rootfs(Rootfs { layers, created: None }), Outcome::Cached))
            }
            Op::Local(op) => self.local(id, op),
            Op::Http(source) => self.http(id, vertex, source),
            Op::Git(reference) => self.git(id, vertex, reference),
            Op::Copy(op) => self.copy(id, vertex, op, inputs),
            Op::Run(op) => self.run(id, vertex, op, inputs),
            Op::Mkdir(op) => self.mkdir(id, vertex, op, inputs),
            Op::Merge => Ok((self.merge(id, inputs), Outcome::Cached)),
            Op::Subtree(op) => self.subtree(id, vertex, op, inputs),
        }
    }

    /// What is wanted of a context, and whether all that copies name is there.
    fn local(&self, id: VertexId, op: &LocalOp) -> Result<(Value, Outcome), Failure> {
        let value = self.contexts.value(self.store, op)?;
        let faults = copy::lacking(self.graph, id, &value);
        match faults.is_empty() {
            true => Ok((value, Outcome::Executed)),
            false => Err(Failure::Build(Error::Faults(faults))),
        }
    }

    /// Nothing is to be done: a root file system is the list of its layers.
    fn merge(&self, id: VertexId, inputs: &[Value]) -> Value {
        let mut merged = rootfs(inputs);
        if let Some(Value::Rootfs(upper)) = inputs.get(1) {
            merged.layers.extend(&upper.layers);
            merged.created = upper.created;
        }
        if let Some(layer) = merged.layers.last() {
            self.digests.add(id, *layer);
        }
        Value::Rootfs(merged)
    }

    /// Takes the record of `key`, or makes the layer and records it; one maker at a time for each
    /// key, in all processes.
    fn recorded(
        &self,
        id: VertexId,
        vertex: &Vertex,
        below: &Rootfs,
        action: &Action<'_>,
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
        self.ahead.begin();
        if vertex.name.is_some() {
            (self.events)(Event::Started { vertex: id });
        }
        let explain = || self.explain(id, vertex, below, action);
        let begin = Instant::now();
        let (ledger, made) = match vertex.op {
            // Many files take long to compare, and there is no output that the reason has to precede.
            Op::Copy(_) => beside(explain, make),
            _ => (explain(), make()),
        };
        let (ledger, made) = (ledger?, made?);
        let is_recorded = made.is_recorded;
        let record = self.keep(id, made, key)?;
        if is_recorded && vertex.name.is_some() {
            self.store.put_took(key, begin.elapsed())?;
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
    fn waiting(&self, id: VertexId, vertex: &Vertex, wait: Wait) -> impl Fn() -> bool {
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
    fn cached(
        &self,
        id: VertexId,
        vertex: &Vertex,
        below: &Rootfs,
        key: &ActionKey,
    ) -> Result<Option<(Value, Outcome)>, Failure> {
        if !vertex.cache {
            return Ok(None);
        }
        let elsewhere = || {
            let found = self.imports.record(key, &self.waiting(id, vertex, Wait::SharedCache));
            for (place, error) in self.imports.take_failures() {
                let message = format!("cannot use the cache {place}: {}", error.with_causes());
                (self.events)(Event::Lost { message });
            }
            found
        };
        let record = self.store.record(key)?.or_else(elsewhere);
        Ok(record.map(|record| {
            self.journal.note(id, *key, record);
            (below.with(&record), Outcome::Cached)
        }))
    }

    /// The time of what is made up now.
    fn made(&self) -> Timestamp {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::made(self.epoch.unwrap_or(now.as_secs().cast_signed()))
    }

    /// The ids of `user[:group]` in the root file system of `stack`; warns of unknown names.
    fn owner(&self, vertex: &Vertex, stack: &Stack, owner: &str) -> Result<(u32, u32), Failure> {
        let found = Owners::of(stack).resolve(owner)?;
        for unknown in &found.unknown {
            let step = vertex.name.as_deref().unwrap_or_default();
            (self.events)(Event::Warning { message: format!("{step}: {unknown}") });
        }
        Ok(found.ids())
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

impl Rootfs {
    /// This root file system with the record's layer on top.
    fn with(&self, record: &Record) -> Value {
        let mut layers = self.layers.clone();
        layers.push(record.layer);
        Value::Rootfs(Self { layers, created: Some(record.created) })
    }
}

/// Does both at the same time, the first in a thread of its own.
fn beside<A: Send, B>(one: impl FnOnce() -> A + Send, other: impl FnOnce() -> B) -> (A, B) {
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

/// What fails when a vertex without a name does.
const INTERNAL: &str = "[internal] load build context";

impl Failure {
    fn of(self, vertex: &Vertex) -> Error {
        match self {
            Self::Build(error) => error,
            Self::Cause(source) => Error::Step {
                name: vertex.name.clone().unwrap_or_else(|| INTERNAL.to_owned()),
                span: vertex.span,
                source,
            },
        }
    }
}

/// The root file system among a vertex's inputs that its op defines as the first.
fn rootfs(inputs: &[Value]) -> Rootfs {
    match inputs.first() {
        Some(Value::Rootfs(rootfs)) => rootfs.clone(),
        // Lowering gives every copy, command and directory a root file system.
        Some(Value::Tree(_)) | None => Rootfs::default(),
    }
}
