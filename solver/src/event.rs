//! What happens during a build, for whoever draws it.

use std::time::Duration;

use lapstrake_parser::Span;

use crate::graph::VertexId;
use crate::reason::Reason;

/// Receives events from any thread, in the order in which each thread meets them.
pub type Sink<'a> = &'a (dyn Fn(Event) + Sync);

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The graph is known. Sent once, before any event of a vertex.
    Planned {
        /// What will be drawn, in Dockerfile order. Vertices without a name are internal.
        vertices: Vec<Planned>,
    },
    /// A vertex is being executed.
    Started {
        /// Which.
        vertex: VertexId,
    },
    /// A vertex is executed because the cache has no result of it. Follows its start.
    Missed {
        /// Which.
        vertex: VertexId,
        /// Why there is none.
        reason: Reason,
    },
    /// A vertex has been waiting for a while, and goes on when somebody else has ended.
    Waiting {
        /// Which.
        vertex: VertexId,
        /// For whom.
        wait: Wait,
    },
    /// A vertex wrote output; not cut at line ends.
    Output {
        /// Which.
        vertex: VertexId,
        /// Standard output and error as they came.
        bytes: Vec<u8>,
    },
    /// A vertex has its result.
    Finished {
        /// Which.
        vertex: VertexId,
        /// How it went.
        outcome: Outcome,
        /// From its start.
        elapsed: Duration,
    },
    /// Something about an image, before the graph is known or while it is fetched.
    Image {
        /// The image, as the user wrote it.
        name: String,
        /// What about it.
        progress: ImageProgress,
    },
    /// Layers of a shared cache came further.
    Arriving {
        /// The cache.
        cache: String,
        /// Bytes so far, as they are sent.
        done: u64,
        /// Bytes of all layers that were needed until now.
        total: u64,
        /// No more are needed.
        is_over: bool,
    },
    /// The image config and tags are being written.
    Exporting,
    /// All of the image is in the store; nothing has a name yet. A build that is cancelled now leaves
    /// names as they were.
    Written {
        /// Whether the store did not have the image before, or not as one that has a name when this build
        /// gives it one.
        is_new: bool,
    },
    /// They are written.
    Exported {
        /// How long it took.
        elapsed: Duration,
    },
    /// The build goes on without something: a shared cache, of which the steps are executed, a network of its own, a
    /// log. Nothing but this run knows of it.
    Lost {
        /// In one sentence.
        message: String,
    },
    /// Something the user should know that does not stop the build.
    Warning {
        /// In one sentence.
        message: String,
    },
}

/// A vertex before it runs.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Which.
    pub vertex: VertexId,
    /// How it is shown, e.g. `[build 2/5] RUN make`.
    pub name: String,
    /// Its instruction in the Dockerfile.
    pub span: Option<Span>,
}

/// What a vertex waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Another execution of just the same, mostly in another build on this store: its result will be taken.
    Execution,
    /// A cache mount that another command uses, by its name.
    CacheMount(String),
    /// What shared caches know: a server is silent.
    SharedCache,
}

/// How a vertex ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its result was there already.
    Cached,
    /// It was executed.
    Executed,
    /// It failed.
    Failed,
    /// Another vertex failed, or the user stopped the build.
    Cancelled,
}

/// How far a layer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerState {
    /// On its way.
    Moving,
    /// It has arrived.
    Arrived,
    /// It was there before.
    Existed,
    /// The registry took it from another of its repositories.
    Mounted,
}

/// The way of an image into the store, or out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageProgress {
    /// A registry is asked what the name stands for.
    Resolving,
    /// Bytes of layers arrived.
    Downloading {
        /// So far, of all layers.
        done: u64,
        /// Of all layers together.
        total: u64,
    },
    /// Layers arrived in a registry, or were there.
    Uploading {
        /// Bytes of layers so far.
        done: u64,
        /// Of all layers together.
        total: u64,
    },
    /// One layer got further.
    Layer {
        /// Its digest.
        digest: String,
        /// Bytes so far.
        done: u64,
        /// All its bytes, as far as they are known.
        total: u64,
        /// How far it is.
        state: LayerState,
    },
    /// Everything is here, or there.
    Ready {
        /// Digest of the manifest.
        digest: String,
    },
}
