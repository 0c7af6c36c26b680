//! What is known of earlier executions of a step, and what tells the present one from the nearest of
//! them.

use std::cmp::Reverse;
use std::time::{Duration, SystemTime};

use lapstrake_cache::{Account, ActionKey, Error, StepId, Store, nanoseconds};
use lapstrake_source::Version;

use crate::graph::{Graph, Op, Vertex, VertexId};
use crate::key;
use crate::op::copied_sources;
use crate::reason::{Listing, Part, Reason, compare_listings, differences, distance, first};

/// What is asked.
pub(crate) struct Past<'a> {
    pub(crate) store: &'a Store,
    /// See [`crate::Request`].
    pub(crate) project: &'a str,
}

/// What a user takes for the same step from build to build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Of what op.
    kind: &'static str,
    /// What it does.
    subject: String,
    /// Where in a build.
    place: String,
}

/// An execution that is about to be, or just was.
pub(crate) struct Present<'a> {
    pub(crate) key: ActionKey,
    pub(crate) identity: &'a Identity,
    /// What its key is made of.
    pub(crate) parts: &'a [Part],
    /// The files that it takes.
    pub(crate) listings: &'a [Listing],
}

/// What is kept of an execution.
pub(crate) struct Ledger {
    step: StepId,
    place: StepId,
    account: Account,
    files: Vec<u8>,
}

/// An earlier execution.
struct Earlier {
    key: ActionKey,
    parts: Vec<Part>,
}

impl Identity {
    /// That of a vertex that people know by a name; `None` for all others.
    pub(crate) fn of(graph: &Graph, id: VertexId) -> Option<Self> {
        let vertex = graph.vertex(id)?;
        let place = place(vertex.name.as_deref()?).to_owned();
        let (kind, subject) = match &vertex.op {
            Op::Copy(op) => ("copy", format!("{}\n{}", copied_sources(op), op.destination)),
            Op::Run(op) => ("run", op.argv.join("\0")),
            Op::Mkdir(op) => ("mkdir", op.path.clone()),
            Op::Http(_) | Op::Git(_) => {
                let (kind, subject) = fetched(&vertex.op)?;
                return Some(Self { kind, subject, place: fetched_before(graph, id).to_string() });
            }
            Op::Image(_) | Op::Local(_) | Op::Merge | Op::Subtree(_) => return None,
        };
        Some(Self { kind, subject, place })
    }

    /// That of a context that is fetched.
    pub(crate) fn of_context(op: &Op, name: &str) -> Option<Self> {
        let (kind, subject) = fetched(op)?;
        Some(Self { kind, subject, place: format!("context {name}") })
    }

    /// The step of `project`, whatever else changes.
    fn step(&self, project: &str) -> StepId {
        key::step(project, self.kind, &self.subject)
    }

    /// Its place in builds of `project`, whatever is there.
    fn place(&self, project: &str) -> StepId {
        key::step(project, &format!("{} at", self.kind), &self.place)
    }
}

fn fetched(op: &Op) -> Option<(&'static str, String)> {
    match op {
        Op::Http(source) => Some(("http", source.url.to_string())),
        Op::Git(reference) => Some(("git", reference.to_string())),
        _ => None,
    }
}

/// How many such sources come before: what is fetched has no place in its name.
fn fetched_before(graph: &Graph, id: VertexId) -> usize {
    let kind = |vertex: &Vertex| fetched(&vertex.op).map(|(kind, _)| kind);
    let own = graph.vertex(id).and_then(kind);
    graph.iter().take_while(|(one, _)| *one < id).filter(|(_, one)| kind(one) == own).count()
}

/// Stage and number of a step, of what its name begins with: `[stage 2/5] …`.
fn place(name: &str) -> &str {
    let head = name.split(']').next().unwrap_or(name);
    head.rsplit_once('/').map_or(head, |(place, _)| place)
}

impl Ledger {
    /// What there is to be kept of `present`.
    pub(crate) fn of(present: &Present<'_>, project: &str) -> Self {
        Self {
            step: present.identity.step(project),
            place: present.identity.place(project),
            account: Account { key: present.key, parts: encoded(&present.parts) },
            files: encoded(&present.listings),
        }
    }

    /// The step.
    pub(crate) fn step(&self) -> &StepId {
        &self.step
    }

    /// Keeps it.
    pub(crate) fn keep(&self, store: &Store) -> Result<(), Error> {
        store.put_account(&self.step, &self.place, &self.account, &self.files)
    }
}

impl Past<'_> {
    /// Why there is no result of `present`: by the same step, else by what was in its place.
    pub(crate) fn reason(&self, present: &Present<'_>) -> Result<Reason, Error> {
        match self.store.evicted(&present.key)? {
            Some(time) => Ok(evicted(time, true)),
            None => self.compared(present, Reason::Gone),
        }
    }

    /// Why `present` was fetched, of which `version` came.
    pub(crate) fn fetched(
        &self,
        present: &Present<'_>,
        version: &Version,
    ) -> Result<Reason, Error> {
        let reason = match version.evicted {
            Some(time) => Ok(evicted(time, true)),
            None if version.was_here => self.compared(present, Reason::Again),
            None => self.compared(present, Reason::Gone),
        };
        reason.map(|reason| if reason == Reason::First { Reason::FirstFetch } else { reason })
    }

    /// `same` is the reason where just this was executed before.
    fn compared(&self, present: &Present<'_>, same: Reason) -> Result<Reason, Error> {
        let step = present.identity.step(self.project);
        let in_place = self.store.step_at(&present.identity.place(self.project))?;
        for step in [Some(step), in_place].iter().flatten() {
            let accounts = self.store.accounts(step)?;
            if accounts.iter().any(|account| account.key == present.key) {
                return Ok(same);
            }
            let mut earlier = decoded(&accounts);
            // Of two that are as near, the one that was used last is what the user has in mind.
            let mut used = Vec::new();
            for Earlier { key, .. } in &earlier {
                used.push((*key, self.store.last_used(key)?));
            }
            earlier.sort_by_key(|one| {
                Reverse(used.iter().find(|(key, _)| *key == one.key).and_then(|(_, used)| *used))
            });
            let listings = present.listings;
            if let Some(reason) = nearest(self.store, step, &earlier, (present.parts, listings))? {
                return Ok(reason);
            }
        }
        Ok(self.store.evicted_step(&step)?.map_or(Reason::First, |time| evicted(time, false)))
    }
}

/// What differs from the nearest of `accounts`, which are of `step`. `None` when there is none.
pub(crate) fn nearest_difference(
    store: &Store,
    step: &StepId,
    accounts: &[Account],
    now: (&[Part], &[Listing]),
) -> Result<Option<Reason>, Error> {
    nearest(store, step, &decoded(accounts), now)
}

/// Of several that are as near the first counts.
fn nearest(
    store: &Store,
    step: &StepId,
    earlier: &[Earlier],
    (parts, listings): (&[Part], &[Listing]),
) -> Result<Option<Reason>, Error> {
    let nearest = earlier.iter().min_by_key(|one| distance(&differences(&one.parts, parts)));
    let Some(Earlier { key, parts: known }) = nearest else { return Ok(None) };
    let before = listed(store, step, key)?;
    Ok(Some(first(&differences(known, parts), |subject| {
        compare_listings(&before, listings, subject)
    })))
}

/// The files of an account; none where they are not kept.
pub(crate) fn listed(store: &Store, step: &StepId, key: &ActionKey) -> Result<Vec<Listing>, Error> {
    let bytes = store.account_files(step, key)?.unwrap_or_default();
    Ok(postcard::from_bytes(&bytes).unwrap_or_default())
}

fn decoded(accounts: &[Account]) -> Vec<Earlier> {
    let earlier = accounts.iter().filter_map(|account| {
        Some(Earlier { key: account.key, parts: postcard::from_bytes(&account.parts).ok()? })
    });
    earlier.collect()
}

fn evicted(time: i64, is_same: bool) -> Reason {
    let now = nanoseconds(SystemTime::now());
    let since = Duration::from_nanos(now.saturating_sub(time).max(0).unsigned_abs());
    Reason::Evicted { since, is_same }
}

fn encoded(value: &impl serde::Serialize) -> Vec<u8> {
    // Plain data in memory always encodes; an account that does not is only not told.
    postcard::to_allocvec(value).unwrap_or_default()
}
