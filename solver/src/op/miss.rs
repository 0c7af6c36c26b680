//! A step that the cache has no result of: why, and what is kept so that the next build can tell.
//! Nothing here is read or written for a step that is cached.

use std::time::{Duration, SystemTime};

use lapstrake_cache::{Account, ActionKey, StepId, Store, nanoseconds};
use lapstrake_rootfs::{ContentHash, LayerId};

use super::own::Own;
use super::{Failure, Rootfs, Workshop};
use crate::event::Event;
use crate::graph::{Graph, Op, Vertex, VertexId};
use crate::key;
use crate::reason::{KnownFile, Part, Reason, Subject, short};
use crate::why::nearest_difference;

/// Of more files it is not kept which they were.
const FILES: usize = 100_000;

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

/// What is kept of a step once it has been executed.
pub(super) struct Ledger {
    step: StepId,
    place: StepId,
    account: Account,
    files: Vec<u8>,
}

impl Ledger {
    /// The step.
    pub(super) fn step(&self) -> &StepId {
        &self.step
    }

    pub(super) fn keep(&self, store: &Store) -> Result<(), Failure> {
        Ok(store.put_account(&self.step, &self.place, &self.account, &self.files)?)
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
        let (Some(name), Some(own)) = (&vertex.name, action.own) else { return Ok(None) };
        let Own { kind, subject, mut parts, files } = own();
        if let Some(base) = vertex.inputs.first() {
            parts.extend(below_parts(self.graph, *base, &below.layers));
        }
        let files = known(files);
        let step = key::step(self.project, kind, &subject);
        let place = key::step(self.project, &format!("{kind} at"), place(name));
        let reason = match vertex.cache {
            false => Reason::Unwanted,
            true => {
                self.reason(&[Some(step), self.store.step_at(&place)?], action, &parts, &files)?
            }
        };
        (self.events)(Event::Missed { vertex: id, reason });
        let account = Account { key: action.key, parts: encoded(&parts) };
        Ok(Some(Ledger { step, place, account, files: encoded(&files) }))
    }

    /// The reason by the first of `steps` that was executed before: of its accounts the one counts
    /// that differs in the fewest parts.
    fn reason(
        &self,
        steps: &[Option<StepId>],
        action: &Action<'_>,
        parts: &[Part],
        files: &[KnownFile],
    ) -> Result<Reason, Failure> {
        if let Some(time) = self.store.evicted(&action.key)? {
            return Ok(Reason::Evicted { since: since(time), is_same: true });
        }
        for step in steps.iter().flatten() {
            let accounts = self.store.accounts(step)?;
            if accounts.iter().any(|account| account.key == action.key) {
                return Ok(Reason::Gone);
            }
            if let Some(reason) = nearest_difference(self.store, step, &accounts, (parts, files))? {
                return Ok(reason);
            }
        }
        let Some(step) = steps.first().and_then(Option::as_ref) else { return Ok(Reason::First) };
        let evicted = self.store.evicted_step(step)?;
        Ok(evicted
            .map_or(Reason::First, |time| Reason::Evicted { since: since(time), is_same: false }))
    }
}

/// How long ago a time of the store was.
fn since(time: i64) -> Duration {
    let now = nanoseconds(SystemTime::now());
    Duration::from_nanos(now.saturating_sub(time).max(0).unsigned_abs())
}

fn known(files: Vec<lapstrake_rootfs::copy::Listed>) -> Vec<KnownFile> {
    if files.len() > FILES {
        return Vec::new();
    }
    let known = files.into_iter().map(|file| KnownFile {
        path: String::from_utf8_lossy(&file.path).into_owned(),
        mode: file.mode,
        hash: short(&file.content),
    });
    known.collect()
}

/// Stage and number of a step, of what its name begins with: `[stage 2/5] …`.
fn place(name: &str) -> &str {
    let head = name.split(']').next().unwrap_or(name);
    head.rsplit_once('/').map_or(head, |(place, _)| place)
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

fn encoded(value: &impl serde::Serialize) -> Vec<u8> {
    // Plain data in memory always encodes; an account that does not is only not told.
    postcard::to_allocvec(value).unwrap_or_default()
}
