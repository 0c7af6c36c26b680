//! What is known of earlier executions of a step, and what tells the present one from the nearest of
//! them.

use std::time::{Duration, SystemTime};

use lapstrake_cache::{Account, ActionKey, Error, StepId, StepIds, Store, nanoseconds};
use lapstrake_source::Version;
use lapstrake_transfer::{Imports, SharedAccount};

use crate::graph::{Graph, Op, Vertex, VertexId};
use crate::journal::Journal;
use crate::key;
use crate::op::copied_sources;
use crate::reason::{
    Listing, Part, Reason, are_akin, compare_listings, differences, distance, first, fit, moved,
    withheld,
};

/// Accounts of other caches that have more bytes are not kept.
const ADOPTED: usize = 4 << 20;

/// So many accounts of a step or place are looked at, those that were used last, and in other caches.
const MOST: u32 = 64;

/// What is asked.
pub(crate) struct Past<'a> {
    pub(crate) store: &'a Store,
    /// What other caches tell of it, where there are any.
    pub(crate) imports: Option<&'a Imports<'a>>,
    /// See [`crate::Request`].
    pub(crate) project: &'a str,
    /// All that is to be done, and what was done of it; `None` where that is not known yet.
    pub(crate) plan: Option<(&'a Graph, &'a Journal)>,
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
    ids: StepIds,
    account: Account,
    files: Vec<u8>,
    /// What was said of why it is to be.
    told: String,
}

/// An earlier execution.
struct Earlier<'a> {
    key: ActionKey,
    parts: Vec<Part>,
    files: Files<'a>,
}

/// Where the files of an earlier execution are told.
enum Files<'a> {
    /// In the store.
    Here,
    /// In another cache.
    Elsewhere(&'a SharedAccount),
}

/// What several earlier executions say of the present one.
enum Compared<'e, 'a> {
    /// One of them was the same.
    Same,
    /// The nearest.
    Nearest(&'e Earlier<'a>),
    /// There is none.
    Unknown,
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

    /// The step and its place by what every store knows them by: a project is a folder of one machine.
    pub(crate) fn anywhere(&self) -> (StepId, StepId) {
        (self.step(""), self.place(""))
    }

    /// What its executions in builds of `project` are found by.
    pub(crate) fn ids(&self, project: &str) -> StepIds {
        StepIds { step: self.step(project), place: self.place(project), anywhere: self.step("") }
    }

    /// The stage that it is in, as far as its place says that.
    fn stage(&self) -> &str {
        self.place.rsplit_once(' ').map_or("", |(stage, _)| stage)
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
    pub(crate) fn of(present: &Present<'_>, project: &str, reason: &Reason) -> Self {
        Self {
            told: reason.to_string(),
            ids: present.identity.ids(project),
            account: Account { key: present.key, parts: encoded(&present.parts) },
            files: encoded(&present.listings),
        }
    }

    /// The step.
    pub(crate) fn step(&self) -> &StepId {
        &self.ids.step
    }

    /// Keeps it.
    pub(crate) fn keep(&self, store: &Store) -> Result<(), Error> {
        store.put_account(&self.ids, &self.account, &self.files, Some(&self.told))
    }
}

impl Past<'_> {
    /// Why there is no result of `present`: by the same step, else by what was in its place.
    pub(crate) fn reason(&self, present: &Present<'_>) -> Result<Reason, Error> {
        if let Some(cache) = self.imports.and_then(|imports| imports.lost(&present.key)) {
            return Ok(Reason::Lost { cache });
        }
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
        let identity = present.identity;
        let (step_anywhere, place_anywhere) = identity.anywhere();
        let shared = self.imports.map(Imports::accounts).unwrap_or_default();
        let of_step = shared.iter().filter(|account| account.step == step_anywhere);
        let in_place = shared.iter().filter(|account| {
            account.place == place_anywhere && !self.is_planned(identity, "", &account.step)
        });
        let of_step: Vec<_> = of_step.take(MOST as usize).collect();
        let in_place: Vec<_> = in_place.take(MOST as usize).collect();
        let step = identity.step(self.project);
        let before = self.store.step_at(&identity.place(self.project))?;
        // What is still there is another step, and this one came between.
        let before = before.filter(|step| !self.is_planned(identity, self.project, step));
        for (step, shared) in [(Some(step), of_step), (before, in_place)] {
            let mut earlier = step.as_ref().map_or(Ok(Vec::new()), |step| self.here(step))?;
            earlier.extend(shared.into_iter().filter_map(elsewhere));
            match compare(&earlier, present) {
                Compared::Same => return Ok(same),
                Compared::Nearest(nearest) => {
                    if let Files::Elsewhere(account) = nearest.files {
                        // What is asked for later is asked of the store.
                        adopt(self.store, &identity.ids(self.project), account)?;
                    }
                    return nearest.reason(self.store, (present.parts, present.listings));
                }
                Compared::Unknown => {}
            }
        }
        if let Some(time) = self.store.evicted_step(&step)? {
            return Ok(evicted(time, false));
        }
        self.beside(present, same)
    }

    /// By what the same step came to in another project that does just the same before it: mostly another copy
    /// of this one.
    fn beside(&self, present: &Present<'_>, same: Reason) -> Result<Reason, Error> {
        let mut earlier = self.here(&present.identity.step(""))?;
        earlier.retain(|one| are_akin(&one.parts, present.parts));
        match compare(&earlier, present) {
            Compared::Same => Ok(same),
            Compared::Unknown => Ok(Reason::First),
            Compared::Nearest(nearest) => {
                let now = (present.parts, present.listings);
                let Some(project) = self.store.project_of(&nearest.key)? else {
                    return Ok(Reason::First);
                };
                let reason = nearest.reason(self.store, now)?;
                if matches!(reason, Reason::Follows { .. }) {
                    // Of the step before it is said where that is compared with.
                    return Ok(reason);
                }
                let (project, reason) = (beside(&project, self.project), Box::new(reason));
                Ok(Reason::Beside { project, reason })
            }
        }
    }

    /// Whether `step` of `project` is in the same stage of the present build.
    fn is_planned(&self, identity: &Identity, project: &str, step: &StepId) -> bool {
        let Some((graph, _)) = self.plan else { return false };
        let all = graph.iter().filter_map(|(id, _)| Identity::of(graph, id));
        let mut beside = all.filter(|other| other.stage() == identity.stage());
        beside.any(|other| other.step(project) == *step)
    }

    /// The executions of `step` in this store before this build, in which it may be there twice. Of two that
    /// are as near, the one that was used last is what the user has in mind.
    fn here(&self, step: &StepId) -> Result<Vec<Earlier<'static>>, Error> {
        let mut earlier = decoded(&self.store.accounts_in_use(step, MOST)?);
        if let Some((_, journal)) = self.plan {
            earlier.retain(|one| !journal.has(&one.key));
        }
        Ok(earlier)
    }
}

/// What another project is called beside this one: its folder, or its Dockerfile in the same folder.
fn beside(project: &str, own: &str) -> String {
    let (folder, dockerfile) = project.split_once('\n').unwrap_or((project, ""));
    let is_own = own.split_once('\n').is_some_and(|(own, _)| own == folder);
    if is_own { dockerfile } else { folder }.to_owned()
}

/// What differs from the nearest of `accounts`. `None` when there is none.
pub(crate) fn nearest_difference(
    store: &Store,
    accounts: &[Account],
    now: (&[Part], &[Listing]),
) -> Result<Option<Reason>, Error> {
    let (parts, _) = now;
    let earlier = decoded(accounts);
    nearest(&earlier, parts).map(|nearest| nearest.reason(store, now)).transpose()
}

fn compare<'e, 'a>(earlier: &'e [Earlier<'a>], present: &Present<'_>) -> Compared<'e, 'a> {
    if earlier.iter().any(|one| one.key == present.key) {
        return Compared::Same;
    }
    nearest(earlier, present.parts).map_or(Compared::Unknown, Compared::Nearest)
}

/// Of several that are as near the first counts.
fn nearest<'e, 'a>(earlier: &'e [Earlier<'a>], parts: &[Part]) -> Option<&'e Earlier<'a>> {
    earlier.iter().min_by_key(|one| distance(&differences(&one.parts, parts)))
}

impl Earlier<'_> {
    /// What differs from it now.
    fn reason(
        &self,
        store: &Store,
        (parts, listings): (&[Part], &[Listing]),
    ) -> Result<Reason, Error> {
        let differences = differences(&self.parts, parts);
        if differences.is_empty() {
            let subjects = withheld(&self.parts);
            return Ok(match subjects.is_empty() {
                true => moved(&self.parts, parts).unwrap_or(Reason::Otherwise),
                false => Reason::Withheld { subjects },
            });
        }
        let before = match self.files {
            Files::Here => listed(store, &self.key)?,
            Files::Elsewhere(told) => postcard::from_bytes(&told.files).unwrap_or_default(),
        };
        Ok(first(&differences, |subject| compare_listings(&before, listings, subject)))
    }
}

/// The files of an account; none where they are not kept.
pub(crate) fn listed(store: &Store, key: &ActionKey) -> Result<Vec<Listing>, Error> {
    let bytes = store.account_files(key)?.unwrap_or_default();
    Ok(postcard::from_bytes(&bytes).unwrap_or_default())
}

fn decoded(accounts: &[Account]) -> Vec<Earlier<'static>> {
    let earlier = accounts.iter().filter_map(|account| {
        let parts = postcard::from_bytes(&account.parts).ok()?;
        Some(Earlier { key: account.key, parts, files: Files::Here })
    });
    earlier.collect()
}

/// What another cache tells. It may say anything, and is only compared and shown.
fn elsewhere(account: &SharedAccount) -> Option<Earlier<'_>> {
    let mut parts: Vec<Part> = postcard::from_bytes(&account.parts).ok()?;
    fit(&mut parts, &|text| text);
    Some(Earlier { key: account.key, parts, files: Files::Elsewhere(account) })
}

/// Keeps what another cache tells of an earlier execution; not what is no account, or too much.
pub(crate) fn adopt(store: &Store, ids: &StepIds, told: &SharedAccount) -> Result<(), Error> {
    let Some(earlier) = elsewhere(told) else { return Ok(()) };
    let account = Account { key: earlier.key, parts: encoded(&earlier.parts) };
    if account.parts.len().saturating_add(told.files.len()) > ADOPTED {
        return Ok(());
    }
    store.put_account(ids, &account, &told.files, None)
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
