//! Removing what is kept for later builds alone.
//!
//! What is removed is chosen without a lock, and looked at once more with the gate alone: what a
//! running process has noted by then (see [`crate::lease`]), what an image needs, and what a record
//! that stays stands on, stays too. Rows go first, then the files; what a killed removal leaves of
//! layers is listed in `doomed` and removed by the next command.

pub(crate) mod doomed;
mod holding;
mod remove;
mod select;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) use doomed::finish;
pub use holding::{Holding, HoldingKind};

use crate::lock::Use;
use crate::usage::Needed;
use crate::{Error, Store};

/// How much goes, of what may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// All but so many bytes on disk; with 0 also what takes no room.
    Keep(u64),
    /// As much as has so many bytes on disk.
    Free(u64),
}

/// What is to be removed.
pub struct Prune<'a> {
    /// How much goes. What was used last stays.
    pub goal: Goal,
    /// What was used later than so long ago stays.
    pub unused_for: Duration,
    /// Whether records go whose layers images have, what is known of contexts and sources, and logs.
    pub all: bool,
    /// What may go at all.
    pub wanted: &'a dyn Fn(&Holding) -> bool,
    /// Whether nothing is removed, and only told what would be.
    pub dry_run: bool,
}

impl Store {
    /// Removes what no image, running process or remaining record needs, what was used least
    /// recently first; returns it in that order. `needed` says what images need, and is asked
    /// again right before the removal. This value must have no lease: what is leased elsewhere
    /// stays, also by another value in this process.
    ///
    /// Rows go in one transaction, or on a disk with little room in several. Interrupted, it has removed nothing, or the rest is removed by
    /// whoever opens the store next.
    ///
    /// # Errors
    /// Those of `needed`; when the store cannot be read or written.
    pub fn prune<E: From<Error>>(
        &self,
        prune: &Prune<'_>,
        needed: &dyn Fn() -> Result<Needed, E>,
    ) -> Result<Vec<Holding>, E> {
        let _use = Use::join(self.root())?;
        let holdings = self.holdings(&needed()?)?;
        let chosen = select::select(&holdings, prune, nanoseconds(SystemTime::now()));
        if prune.dry_run {
            return Ok(chosen);
        }
        self.remove_in_parts(chosen, needed)
    }

    /// On a disk with little room only a few things go at once: to forget them takes room as well.
    fn remove_in_parts<E: From<Error>>(
        &self,
        mut waiting: Vec<Holding>,
        needed: &dyn Fn() -> Result<Needed, E>,
    ) -> Result<Vec<Holding>, E> {
        let mut removed = Vec::new();
        loop {
            let (before, mut left, mut is_whole) = (removed.len(), Vec::new(), true);
            while !waiting.is_empty() {
                let count = self.at_once().min(waiting.len());
                let part: Vec<Holding> = waiting.drain(..count).collect();
                is_whole &= waiting.is_empty() && left.is_empty();
                let gone = self.remove(part.clone(), needed)?;
                left.extend(part.into_iter().filter(|one| !gone.iter().any(|other| one.is(other))));
                removed.extend(gone);
                if !waiting.is_empty() {
                    self.shorten_journal();
                }
            }
            // What stays in a part may go once what stood on it has gone in a later one.
            if is_whole || left.is_empty() || removed.len() == before {
                return Ok(removed);
            }
            waiting = left;
        }
    }

    fn at_once(&self) -> usize {
        match self.room().map_or(u64::MAX, |room| room.free) {
            free if free < SCARCE => 4,
            free if free < LITTLE => 64,
            _ => usize::MAX,
        }
    }
}

/// Bytes with which a disk has hardly any room.
const SCARCE: u64 = 4 << 20;
/// And little.
const LITTLE: u64 = 64 << 20;

impl Holding {
    fn is(&self, other: &Self) -> bool {
        (self.kind, &self.id) == (other.kind, &other.id)
    }
}

/// A time as the store keeps it: since 1970-01-01T00:00:00Z.
pub fn nanoseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
