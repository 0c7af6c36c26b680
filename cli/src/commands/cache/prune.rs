//! `lap cache prune`.

use std::path::Path;
use std::time::{Duration, SystemTime};

use lapstrake_cache::{Goal, Holding, HoldingKind, Prune, nanoseconds};

use crate::args::{CachePrune, Criterion, Filter};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::table::list;
use crate::{human, images, output};

const COLUMNS: [&str; 5] = ["ID", "TYPE", "RECLAIMABLE", "LAST ACCESSED", "DESCRIPTION"];

/// As much of an id as people read.
const ID: usize = 19;

/// Removes what nothing needs, and shows what that was.
pub(super) fn run(prune: &CachePrune, session: &Session) -> Result<Exit, Failure> {
    let store = session.store_to_remove()?;
    let images = images::local(store);
    let now = nanoseconds(SystemTime::now());
    let wanted = |holding: &Holding| prune.filters.iter().all(|filter| holds(filter, holding, now));
    let wish = Prune {
        goal: goal(prune, store.root())?,
        unused_for: prune.older_than.map_or(Duration::ZERO, |age| age.0),
        all: prune.all,
        wanted: &wanted,
        dry_run: prune.dry_run,
    };
    let removed = store.prune(&wish, &|| images.needed())?;
    output::stdout(&text(&removed))?;
    Ok(Exit::SUCCESS)
}

/// How much is to go.
fn goal(prune: &CachePrune, root: &Path) -> Result<Goal, Failure> {
    let Some(wanted) = prune.min_free_space else {
        return Ok(Goal::Keep(prune.keep_storage.map_or(0, |size| size.0)));
    };
    let disk = rustix::fs::statvfs(root).map_err(|errno| {
        Failure::new("cannot see how much room the store's disk has").because(&errno)
    })?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    Ok(Goal::Free(wanted.0.saturating_sub(free)))
}

fn text(removed: &[Holding]) -> String {
    let rows: Vec<_> = removed
        .iter()
        .map(|holding| {
            [
                holding.id.chars().take(ID).collect(),
                type_of(holding).to_owned(),
                human::size(holding.reclaimable),
                human::since(holding.used),
                holding.description.clone(),
            ]
        })
        .collect();
    let total = removed.iter().map(|holding| holding.reclaimable).fold(0, u64::saturating_add);
    let total = format!("Total: {}\n", human::size(total));
    match rows.is_empty() {
        true => total,
        false => list(COLUMNS, &rows) + &total,
    }
}

/// BuildKit's words, as far as it has them.
fn type_of(holding: &Holding) -> &'static str {
    match holding.kind {
        HoldingKind::Layer | HoldingKind::Record => "regular",
        HoldingKind::CacheMount => "exec.cachemount",
        HoldingKind::Blob => "blob",
        HoldingKind::ContextIndex | HoldingKind::Note | HoldingKind::Log => "internal",
    }
}

fn holds(filter: &Filter, holding: &Holding, now: i64) -> bool {
    let is_before = |time: i64, age: &Duration| {
        let age = i64::try_from(age.as_nanos()).unwrap_or(i64::MAX);
        now.saturating_sub(time) >= age
    };
    let found = match &filter.criterion {
        Criterion::Type(name) => type_of(holding) == name,
        Criterion::Id(prefix) => holding.id.starts_with(prefix.as_str()),
        Criterion::HasId(part) => holding.id.contains(part.as_str()),
        Criterion::Description(text) => holding.description == *text,
        Criterion::Describes(part) => holding.description.contains(part.as_str()),
        Criterion::Until(age) => is_before(holding.created, age),
        Criterion::UnusedFor(age) => is_before(holding.used, age),
        Criterion::Shared => holding.is_shared(),
        Criterion::Mutable => holding.kind == HoldingKind::CacheMount,
        Criterion::InUse => holding.is_used,
    };
    found == filter.holds
}
