//! What mounts show, for the reason why a command is executed.

use lapstrake_rootfs::copy::Listed;
use lapstrake_rootfs::{ContentHash, TreePath};

use super::mount::{find, layers_of, source_of};
use super::{Value, Workshop};
use crate::graph::{MountSource, Op, RunOp, SUBTREE, Vertex};

/// What a mount shows or starts from.
pub(super) struct Mounted {
    /// Where it lies, as the user knows it.
    pub(super) source: String,
    /// What stands for it in the key.
    pub(super) content: ContentHash,
    /// The files, as the user knows them.
    pub(super) files: Vec<Listed>,
}

impl Workshop<'_> {
    /// What each mount shows or starts from, for those that have a source of this `content`. Files that
    /// cannot be listed are none: they are only told.
    pub(super) fn mounted(
        &self,
        vertex: &Vertex,
        op: &RunOp,
        inputs: &[Value],
        contents: &[Option<ContentHash>],
    ) -> Vec<Option<Mounted>> {
        let mounts = op.mounts.iter().zip(contents).enumerate();
        let mounted = mounts.map(|(index, (mount, content))| {
            let (source, content) = (source_of(mount)?, (*content)?);
            let stack = self.layers.stack(layers_of(inputs, source)).ok();
            let found = stack.as_ref().and_then(|stack| find(vertex, index, source, stack).ok());
            let files = found.map(|subtree| subtree.listing()).unwrap_or_default();
            let known = self.place_of(vertex, source);
            let files =
                files.into_iter().map(|file| Listed { path: known.path(&file.path), ..file });
            Some(Mounted { source: known.shown(), content, files: files.collect() })
        });
        mounted.collect()
    }

    /// How the user knows the source of a mount.
    fn place_of(&self, vertex: &Vertex, source: &MountSource) -> KnownPlace {
        let input = vertex.inputs.get(source.input.saturating_add(1));
        match input.and_then(|input| self.graph.vertex(*input)).map(|vertex| &vertex.op) {
            Some(Op::Subtree(op)) => KnownPlace {
                prefix: TreePath::clean(SUBTREE.as_bytes()).as_bytes().len(),
                place: TreePath::clean(op.path.as_bytes()).as_bytes().to_vec(),
                is_context: true,
            },
            _ => KnownPlace {
                prefix: 0,
                place: TreePath::clean(source.path.as_bytes()).as_bytes().to_vec(),
                is_context: false,
            },
        }
    }
}

/// How the user knows what lies in the source of a mount.
struct KnownPlace {
    /// So many bytes of a path are no part of what the user knows.
    prefix: usize,
    /// What the source names.
    place: Vec<u8>,
    /// Whether it lies in a context, whose paths do not begin with a slash.
    is_context: bool,
}

impl KnownPlace {
    /// A path of the listing as the user knows it.
    fn path(&self, listed: &[u8]) -> Vec<u8> {
        match self.is_context {
            true => {
                let below = listed.get(self.prefix..).unwrap_or_default();
                let whole = [&self.place[..], below].concat();
                whole.strip_prefix(b"/").map(<[u8]>::to_vec).unwrap_or(whole)
            }
            false => [b"/", listed].concat(),
        }
    }

    fn shown(&self) -> String {
        let place = String::from_utf8_lossy(&self.place);
        match (self.is_context, place.as_ref()) {
            (true, "") => "the context".to_owned(),
            (true, place) => place.to_owned(),
            (false, place) => format!("/{place}"),
        }
    }
}
