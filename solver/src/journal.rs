//! What the steps of a build came to, for a cache that is shared.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lapstrake_cache::{ActionKey, Record, StepIds};
use lapstrake_transfer::Step;

use crate::graph::{Graph, Op, VertexId};
use crate::lower::Plan;
use crate::past::Identity;
use crate::schedule;

/// See the module. Written by all threads of a build.
#[derive(Default)]
pub struct Journal(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    steps: Vec<(VertexId, ActionKey, Record)>,
    /// Whose layers hold secrets.
    withheld: Vec<VertexId>,
    /// Whose keys no other store has.
    own: BTreeSet<VertexId>,
}

impl Journal {
    /// Notes what a vertex came to.
    pub(crate) fn note(&self, vertex: VertexId, key: ActionKey, record: Record) {
        self.entries().steps.push((vertex, key, record));
    }

    /// Notes that a vertex has secrets in its layer, which is nobody else's business.
    pub(crate) fn withhold(&self, vertex: VertexId) {
        self.entries().withheld.push(vertex);
    }

    /// Notes that a vertex's key has something in it that is of this store alone. What follows it can
    /// be shared: it is known by the vertex's layer.
    pub(crate) fn keep_here(&self, vertex: VertexId) {
        self.entries().own.insert(vertex);
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        *self.entries() = Entries::default();
    }

    /// What may be shared: not a layer with a secret, nor any that was made from one, which may have
    /// it as well; nor what nobody else would look up: parts of the context that only a command saw,
    /// which every builder has, and keys of this store alone.
    pub(crate) fn steps(&self, plan: &Plan) -> Vec<Step> {
        let entries = self.entries();
        let results = results(plan);
        let withheld: BTreeSet<VertexId> = entries.withheld.iter().copied().collect();
        let is_open = |vertex: VertexId| {
            let needed = schedule::needed(&plan.graph, &[vertex]);
            let mut all = plan.graph.iter().zip(needed);
            !all.any(|((id, _), needed)| needed && withheld.contains(&id))
        };
        let is_step = |vertex: VertexId| {
            plan.graph.vertex(vertex).is_some_and(|vertex| !matches!(vertex.op, Op::Subtree(_)))
        };
        let steps = entries.steps.iter().filter(|(vertex, ..)| is_step(*vertex));
        let steps = steps.filter(|(vertex, ..)| !entries.own.contains(vertex));
        let steps = steps.filter(|(vertex, ..)| withheld.is_empty() || is_open(*vertex));
        let steps = steps.map(|(vertex, key, record)| Step {
            key: *key,
            record: *record,
            is_result: results.contains(vertex),
            identity: Identity::of(&plan.graph, *vertex).map(|identity| identity.anywhere()),
        });
        steps.collect()
    }

    /// Whether a vertex of this build came to what is known by `key`.
    pub(crate) fn has(&self, key: &ActionKey) -> bool {
        self.entries().steps.iter().any(|(_, known, _)| known == key)
    }

    /// What its steps were found by in a build of `project`, those that are told of.
    pub(crate) fn ids(&self, graph: &Graph, project: &str) -> Vec<(ActionKey, StepIds)> {
        self.known(graph, project).into_iter().map(|(key, _, ids)| (key, ids)).collect()
    }

    /// The same with what they came to.
    pub(crate) fn known(&self, graph: &Graph, project: &str) -> Vec<(ActionKey, Record, StepIds)> {
        let entries = self.entries();
        let known = entries.steps.iter().filter_map(|(vertex, key, record)| {
            Some((*key, *record, Identity::of(graph, *vertex)?.ids(project)))
        });
        known.collect()
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The vertices whose layers are part of an image.
fn results(plan: &Plan) -> BTreeSet<VertexId> {
    let own = plan.images.iter().flat_map(|image| &image.steps).filter_map(|step| step.vertex);
    let own: Vec<VertexId> = own.collect();
    let merged = own.iter().filter_map(|id| {
        let vertex = plan.graph.vertex(*id)?;
        matches!(vertex.op, Op::Merge).then(|| vertex.inputs.get(1).copied()).flatten()
    });
    merged.chain(own.iter().copied()).collect()
}
