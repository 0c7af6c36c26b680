//! The build graph: ops, and what they take from each other.
//!
//! A graph is built bottom-up, so the inputs of a vertex always have smaller ids and there are no
//! circles. Equal ops on equal inputs are one vertex.

mod mount;

use std::collections::HashMap;

use lapstrake_oci::Digest;
use lapstrake_parser::Span;
use lapstrake_source::{GitReference, HttpSource};
use serde::Serialize;

pub use lapstrake_cache::Sharing;
pub use mount::{
    AgentSocket, Bind, CacheMount, Mount, MountKind, MountSource, Ownership, SUBTREE, SecretFile,
    SecretVariable, Tmpfs,
};

/// Index of a vertex in its graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct VertexId(pub u32);

/// One unit of work. Everything in it decides what comes out, unless its docs say otherwise.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Op {
    /// A root file system that is given by an image. No inputs.
    Image(ImageOp),
    /// The build context, as far as some COPY names it. No inputs.
    Local(LocalOp),
    /// A file behind a URL: a root file system with nothing else. No inputs.
    Http(HttpSource),
    /// The files of a commit as a root file system. No inputs.
    Git(Box<GitReference>),
    /// Copies from the other inputs' trees onto the first input's root file system.
    Copy(CopyOp),
    /// Runs a command on the first input's root file system; the others are for its mounts.
    Run(RunOp),
    /// Takes one path of the input's tree as a root file system of its own.
    Subtree(SubtreeOp),
    /// Makes a directory in the input's root file system.
    Mkdir(MkdirOp),
    /// Lays the layers of the second input over the root file system of the first.
    Merge,
}

/// See [`Op::Image`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ImageOp {
    /// Diff ids, lowest layer first; none for the empty file system.
    pub layers: Vec<Digest>,
}

/// See [`Op::Local`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LocalOp {
    /// Which context; the empty name is the one given on the command line.
    pub name: String,
    /// What is read of it. Grows while copies are added; does not tell two ops apart.
    pub wanted: Vec<Want>,
}

/// Something that is read of a context.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Want {
    /// The source of a copy or mount as it is written.
    pub path: String,
    /// Whether wildcards in it mean themselves.
    pub is_literal: bool,
    /// Of a directory only what this pattern matches.
    pub only: Option<String>,
    /// Of a directory nothing that these patterns match.
    pub exclude: Vec<String>,
}

/// See [`Op::Copy`]. Inputs: the destination's root file system, then the trees that the sources
/// are looked for in.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CopyOp {
    /// In the order in which they are copied.
    pub sources: Vec<CopySource>,
    /// Absolute; a trailing slash says that it is a directory.
    pub destination: String,
    /// Patterns of what is left out below the directories that are named.
    pub exclude: Vec<String>,
    /// `user[:group]`, names resolved in the destination.
    pub owner: Option<String>,
    /// Permission bits for everything that is copied, octal or symbolic.
    pub mode: Option<String>,
    /// Whether owners of the source are kept: those of an image are, those of a context are not.
    pub keep_owner: bool,
}

/// Something to copy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum CopySource {
    /// A path or wildcard pattern in one of the trees.
    Path {
        /// Which of the trees, from 0.
        tree: usize,
        /// As written, expanded.
        path: String,
        /// Whether an archive is unpacked.
        unpack: bool,
    },
    /// What a pattern matches below directories of one of the trees, with the directories that lead
    /// to it.
    Below {
        /// Which of the trees, from 0.
        tree: usize,
        /// The directories, as written, expanded; it may hold wildcards.
        base: String,
        /// Relative to each of them; it may hold `**`.
        pattern: String,
    },
    /// A file whose content stands in the Dockerfile.
    Inline {
        /// Its name.
        name: String,
        /// Its content.
        content: String,
    },
}

/// See [`Op::Run`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunOp {
    /// What the command is made for, as `os/architecture[/variant]`.
    pub platform: String,
    /// The command and its arguments.
    pub argv: Vec<String>,
    /// Environment in order.
    pub env: Vec<(String, String)>,
    /// Working directory, absolute.
    pub cwd: String,
    /// As in USER; empty for root.
    pub user: String,
    /// What of the network it sees.
    pub network: Network,
    /// How far it is locked down.
    pub security: Security,
    /// Resource limits.
    pub limits: Vec<Limit>,
    /// What is mounted for it, parents first.
    pub mounts: Vec<Mount>,
    /// Secrets in its environment.
    pub secrets: Vec<SecretVariable>,
    /// Read-only files that are there only while it runs.
    pub files: Vec<InlineFile>,
    /// Host name.
    pub hostname: String,
    /// Further lines of /etc/hosts. Only the names count for the key.
    pub hosts: Vec<(String, String)>,
    /// Proxy variables. They do not count for the key.
    pub proxy: Vec<(String, String)>,
}

/// What of the network a command sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Network {
    /// The network that package managers can work with.
    Default,
    /// The host's own.
    Host,
    /// Only its own loopback.
    None,
}

/// How far a command is locked down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Security {
    /// Docker's defaults.
    Sandbox,
    /// All capabilities, no filter, nothing hidden.
    Insecure,
}

/// A limit on what a command may use, as setrlimit(2) has it; `None` is no limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Limit {
    /// The resource's name, such as `nofile`.
    pub name: String,
    /// What applies.
    pub soft: Option<u64>,
    /// How far the command may raise it.
    pub hard: Option<u64>,
}

/// A file that a command sees while it runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InlineFile {
    /// Absolute path.
    pub path: String,
    /// Its content.
    pub content: String,
    /// Permission bits.
    pub mode: u32,
}

/// See [`Op::Subtree`]. What is named becomes [`SUBTREE`], a directory or a file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SubtreeOp {
    /// A path in the tree; links are followed inside.
    pub path: String,
}

/// See [`Op::Mkdir`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MkdirOp {
    /// Absolute. Missing parents are made too.
    pub path: String,
    /// As in USER; empty for root.
    pub owner: String,
}

/// An op with its inputs, and how it is shown.
#[derive(Clone, Debug)]
pub struct Vertex {
    /// What to do.
    pub op: Op,
    /// What with, in the order that the op defines.
    pub inputs: Vec<VertexId>,
    /// How it is shown; `None` for internal work.
    pub name: Option<String>,
    /// The instruction that it comes from.
    pub span: Option<Span>,
    /// Where the sources of a copy stand in the Dockerfile; or those of a command's mounts, then
    /// its secret variables, then the targets of its mounts, in their order, its program and its
    /// user.
    pub words: Vec<Span>,
    /// Whether an earlier result may be taken.
    pub cache: bool,
}

/// Vertices in an order in which inputs come first.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    vertices: Vec<Vertex>,
    known: HashMap<Vec<u8>, VertexId>,
    images: HashMap<VertexId, NamedImage>,
}

/// Which image an [`Op::Image`] is the layers of. Counts for nothing; people know it by this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedImage {
    /// As it was asked for.
    pub name: String,
    /// Of its manifest.
    pub digest: Digest,
}

impl Graph {
    /// Adds `vertex`, or finds the one that does the same: its id either way. Of two names the
    /// first stays.
    pub fn add(&mut self, vertex: Vertex) -> VertexId {
        let identity = (&vertex.op, &vertex.inputs, vertex.cache);
        // Plain data in memory always encodes; if it did not, the vertex would only not be shared.
        let identity = postcard::to_allocvec(&identity).unwrap_or_default();
        if !identity.is_empty()
            && let Some(id) = self.known.get(&identity)
        {
            return *id;
        }
        let id = VertexId(u32::try_from(self.vertices.len()).unwrap_or(u32::MAX));
        self.vertices.push(vertex);
        self.known.insert(identity, id);
        id
    }

    /// Notes which image the [`Op::Image`] `id` is. Of two the first stays.
    pub fn name_image(&mut self, id: VertexId, image: NamedImage) {
        self.images.entry(id).or_insert(image);
    }

    /// Which image the [`Op::Image`] `id` is, if it has a name.
    pub fn image(&self, id: VertexId) -> Option<&NamedImage> {
        self.images.get(&id)
    }

    /// Adds to what the [`Op::Local`] `id` reads of its context: a source as it is written.
    pub fn want(&mut self, id: VertexId, source: &str) {
        self.want_part(id, Want { path: source.to_owned(), ..Want::default() });
    }

    /// Adds to what the [`Op::Local`] `id` reads of its context.
    pub fn want_part(&mut self, id: VertexId, want: Want) {
        let vertex = usize::try_from(id.0).ok().and_then(|index| self.vertices.get_mut(index));
        if let Some(Vertex { op: Op::Local(local), .. }) = vertex
            && !local.wanted.contains(&want)
        {
            local.wanted.push(want);
        }
    }

    /// All vertices with their ids, inputs first.
    pub fn iter(&self) -> impl Iterator<Item = (VertexId, &Vertex)> {
        (0..).map(VertexId).zip(&self.vertices)
    }

    /// The vertex of an id that this graph gave.
    pub fn vertex(&self, id: VertexId) -> Option<&Vertex> {
        self.vertices.get(usize::try_from(id.0).ok()?)
    }

    /// How many vertices there are.
    pub fn len(&self) -> usize {
        self.vertices.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.vertices.is_empty()
    }
}
