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
mod record;
mod remains;
mod run;
mod secret;
mod shown;
mod start;
mod subtree;

use std::error::Error as StdError;
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use lapstrake_cache::{Record, Store};
use lapstrake_executor::{self as executor, Cancel, Executor};
use lapstrake_rootfs::context::ContextTree;
use lapstrake_rootfs::{LayerId, Timestamp};
use lapstrake_source::{Fetcher, Secrets};
use lapstrake_transfer::Imports;

use self::layers::Stack;
use self::owner::Owners;
use self::record::Made;
use crate::build::Bounds;
use crate::digest::Digests;
use crate::event::{Outcome, Sink};
use crate::graph::{Graph, LocalOp, Op, Vertex, VertexId};
use crate::journal::Journal;
use crate::{Error, Event};

pub use agent::Agents;
pub use fetch::source_time;
pub use layers::Layers;
pub use local::{Context, Contexts};
pub(crate) use own::{copied_sources, fetched_parts};
pub(crate) use record::beside;

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
    /// The vertex whose failure is looked into: what else fails meanwhile counts as stopped by it.
    pub looked_into: OnceLock<VertexId>,
    /// The same when that is over, unless the user has stopped the build: its failure is the build's.
    pub failed: OnceLock<VertexId>,
    /// What the steps came to.
    pub journal: Journal,
    /// Layers that were already read.
    pub layers: Layers<'a>,
    /// The network of commands that do not say which.
    pub network: DefaultNetwork<'a>,
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

/// Is called whenever something is not in the cache.
pub type Begin<'a> = &'a (dyn Fn() + Sync);

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

impl Workshop<'_> {
    /// Comes to the value of a vertex, from the cache when it can; else it calls `begin` first. Reports every
    /// vertex that has a name.
    ///
    /// # Errors
    /// What went wrong, with the vertex's name and place.
    pub fn execute(
        &self,
        id: VertexId,
        vertex: &Vertex,
        inputs: Vec<Value>,
        begin: Begin<'_>,
    ) -> Result<Value, Error> {
        let start = Instant::now();
        let finished = |outcome| {
            if vertex.name.is_some() {
                (self.events)(Event::Finished { vertex: id, outcome, elapsed: start.elapsed() });
            }
        };
        if self.cancel.is_cancelled() {
            finished(Outcome::Cancelled);
            return Err(Error::Cancelled);
        }
        match self.value(id, vertex, &inputs, begin) {
            Ok((value, outcome)) => {
                finished(outcome);
                Ok(value)
            }
            Err(failure) => {
                let is_the_one = self.failed.get() == Some(&id);
                let is_beside = self.looked_into.get().is_some_and(|other| *other != id);
                let cancelled = !is_the_one && (is_beside || self.cancel.is_cancelled());
                if self.imports.has_losses() && !cancelled && !is_the_one {
                    // The build begins again without the layer, so nothing is to be stopped.
                    finished(Outcome::Cancelled);
                    return Err(failure.of(vertex));
                }
                if cancelled {
                    finished(Outcome::Cancelled);
                    return Err(Error::Cancelled);
                }
                finished(Outcome::Failed);
                // Nothing else is to go on in vain.
                self.cancel.cancel();
                Err(failure.of(vertex))
            }
        }
    }

    /// A failure begins to be looked into; of two the first one counts.
    fn begin_looking(&self, id: VertexId) {
        let _ = self.looked_into.set(id);
    }

    /// The failure that was looked into is the build's, unless that is cancelled; whatever else is running is
    /// stopped by it.
    fn end_looking(&self, id: VertexId) {
        if self.looked_into.get() == Some(&id)
            && !self.cancel.is_cancelled()
            && self.failed.set(id).is_ok()
        {
            self.cancel.cancel();
        }
    }

    fn value(
        &self,
        id: VertexId,
        vertex: &Vertex,
        inputs: &[Value],
        begin: Begin<'_>,
    ) -> Result<(Value, Outcome), Failure> {
        match &vertex.op {
            Op::Image(op) => {
                let layers = op.layers.iter().copied().map(LayerId::Image).collect();
                Ok((Value::Rootfs(Rootfs { layers, created: None }), Outcome::Cached))
            }
            Op::Local(op) => self.local(id, op),
            Op::Http(source) => self.http(id, vertex, source),
            Op::Git(reference) => self.git(id, vertex, reference),
            Op::Copy(op) => self.copy(id, vertex, op, inputs, begin),
            Op::Run(op) => self.run(id, vertex, op, inputs, begin),
            Op::Mkdir(op) => self.mkdir(id, vertex, op, inputs, begin),
            Op::Merge => Ok((self.merge(id, inputs), Outcome::Cached)),
            Op::Subtree(op) => self.subtree(id, vertex, op, inputs, begin),
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
}

impl Rootfs {
    /// This root file system with the record's layer on top.
    fn with(&self, record: &Record) -> Value {
        let mut layers = self.layers.clone();
        layers.push(record.layer);
        Value::Rootfs(Self { layers, created: Some(record.created) })
    }
}

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
