//! A step that the cache has no result of: why, and what is kept so that the next build can tell.
//! Nothing here is read or written for a step that is cached.

use lapstrake_cache::ActionKey;
use lapstrake_rootfs::{ContentHash, LayerId};
use lapstrake_source::Version;

use super::own::{Own, fetched_parts};
use super::secret::Mask;
use super::{Failure, Rootfs, Workshop};
use crate::event::Event;
use crate::graph::{Graph, Op, Vertex, VertexId};
use crate::past::{Identity, Ledger, Past, Present};
use crate::reason::{Part, Reason, Subject, fit};

/// What is looked up, and what it is made of.
pub(super) struct Action<'a> {
    pub(super) key: ActionKey,
    /// Asked for on a miss only; `None` for internal work.
    pub(super) own: Option<&'a (dyn Fn() -> Own + Sync)>,
}

impl Action<'_> {
    /// Internal work, of which nothing is told.
    pub(super) fn internal(key: ActionKey) -> Self {
        Self { key, own: None }
    }
}

impl Workshop<'_> {
    /// Tells why a shown vertex was missed.
    pub(super) fn explain(
        &self,
        id: VertexId,
        vertex: &Vertex,
        below: &Rootfs,
        action: &Action<'_>,
    ) -> Result<Option<Ledger>, Failure> {
        let (Some(identity), Some(own)) = (Identity::of(self.graph, id), action.own) else {
            return Ok(None);
        };
        let Own { mut parts, listings } = own();
        match vertex.inputs.first() {
            // It stands on nothing, whatever it is laid over.
            Some(_) if is_apart(self.graph, id) => parts.push(Part::of(
                Subject::Setting("--link".to_owned()),
                "",
                &ContentHash::of(b"--link"),
            )),
            Some(base) => parts.extend(below_parts(self.graph, *base, &below.layers)),
            None => {}
        }
        fit(&mut parts, &|text| self.covered(text));
        let (parts, listings) = (&parts, &listings);
        let present = Present { key: action.key, identity: &identity, parts, listings };
        let reason = match vertex.cache {
            false => Reason::Unwanted,
            true => self.past().reason(&present)?,
        };
        let ledger = Ledger::of(&present, self.project, &reason);
        (self.events)(Event::Missed { vertex: id, reason });
        Ok(Some(ledger))
    }

    /// Tells why a shown vertex was fetched, and keeps that for the next build.
    pub(super) fn explain_fetch(
        &self,
        id: VertexId,
        vertex: &Vertex,
        version: &Version,
    ) -> Result<(), Failure> {
        let Some(identity) = Identity::of(self.graph, id) else { return Ok(()) };
        let mut parts = fetched_parts(&vertex.op, version);
        fit(&mut parts, &|text| self.covered(text));
        let present =
            Present { key: version.key, identity: &identity, parts: &parts, listings: &[] };
        let reason = self.past().fetched(&present, version)?;
        let ledger = Ledger::of(&present, self.project, &reason);
        (self.events)(Event::Missed { vertex: id, reason });
        let name = vertex.name.as_deref().unwrap_or_default();
        self.store.put_origin(&version.key, None, Some((ledger.step(), name, self.project)))?;
        Ok(ledger.keep(self.store)?)
    }

    fn past(&self) -> Past<'_> {
        let (store, project) = (self.store, self.project);
        let plan = Some((self.graph, &self.journal));
        Past { store, imports: Some(self.imports), project, plan }
    }

    /// A text without the values of secrets.
    fn covered(&self, text: String) -> String {
        let values: Vec<&[u8]> = self.secrets.ids().filter_map(|id| self.secrets.get(id)).collect();
        if values.is_empty() {
            return text;
        }
        let mut mask = Mask::new(values);
        let mut covered = mask.push(text.as_bytes());
        covered.extend(mask.finish());
        String::from_utf8_lossy(&covered).into_owned()
    }
}

/// Whether a copy is laid over its root file system, and not made on it.
fn is_apart(graph: &Graph, id: VertexId) -> bool {
    let is_over =
        |vertex: &Vertex| matches!(vertex.op, Op::Merge) && vertex.inputs.get(1) == Some(&id);
    graph.iter().any(|(_, vertex)| is_over(vertex))
}

/// What made the layers of a root file system, the lowest first.
fn below_parts(graph: &Graph, top: VertexId, layers: &[LayerId]) -> Vec<Part> {
    let mut chain = Vec::new();
    let mut next = Some(top);
    while let Some((id, vertex)) = next.and_then(|id| Some((id, graph.vertex(id)?))) {
        chain.push((id, vertex));
        next = vertex.inputs.first().copied();
    }
    let mut layers = layers.iter();
    let mut parts = Vec::new();
    for (number, (id, vertex)) in (0..).zip(chain.into_iter().rev()) {
        match &vertex.op {
            Op::Image(op) => {
                let image = graph.image(id);
                let text = image.map(|image| format!("{} {}", image.name, image.digest));
                let own: Vec<String> =
                    layers.by_ref().take(op.layers.len()).map(ToString::to_string).collect();
                let content = ContentHash::of(own.join(" ").as_bytes());
                parts.push(Part::of(Subject::Base, &text.unwrap_or_default(), &content));
            }
            _ => {
                let shown = match vertex.op {
                    Op::Merge => vertex.inputs.get(1).and_then(|layer| graph.vertex(*layer)),
                    _ => Some(vertex),
                };
                let name = shown.and_then(|vertex| vertex.name.clone()).unwrap_or_default();
                let layer = layers.next().map(ToString::to_string).unwrap_or_default();
                let content = ContentHash::of(layer.as_bytes());
                parts.push(Part::of(Subject::Below(number), &name, &content));
            }
        }
    }
    parts
}
