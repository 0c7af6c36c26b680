//! The removal itself, with the gate alone.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use lapstrake_rootfs::LayerId;
use rusqlite::Transaction;

use super::doomed;
use super::holding::{Holding, HoldingKind};
use super::nanoseconds;
use super::select::stood_on;
use crate::lease::Gate;
use crate::origin::evict;
use crate::usage::Needed;
use crate::{ActionKey, Error, Origin, Store, Temporary};

/// How long it is remembered that something was evicted.
const REMEMBERED: Duration = Duration::from_secs(180 * 24 * 3600);

/// Of how many records, the last ones: each takes a hundred bytes of the database.
const MOST_REMEMBERED: u32 = 20_000;

impl Store {
    /// Removes what of `chosen` is still needed by nothing, and returns it.
    pub(super) fn remove<E: From<Error>>(
        &self,
        mut chosen: Vec<Holding>,
        needed: &dyn Fn() -> Result<Needed, E>,
    ) -> Result<Vec<Holding>, E> {
        let aside = self.temporary()?;
        let gate = Gate::alone(self.root())?;
        self.look_again(&mut chosen, &needed()?)?;
        let folders: Vec<&str> = chosen
            .iter()
            .filter(|holding| holding.kind == HoldingKind::Layer)
            .map(|holding| holding.id.as_str())
            .collect();
        doomed::announce(self, &aside, &folders)?;
        let origins: Vec<&Origin> = chosen.iter().flat_map(|holding| &holding.origins).collect();
        let layers: Vec<LayerId> = chosen
            .iter()
            .filter(|holding| holding.kind == HoldingKind::Layer)
            .filter_map(|holding| holding.layer)
            .collect();
        self.forget(&origins, &layers)?;
        let mut removed = Vec::new();
        for (number, holding) in chosen.into_iter().enumerate() {
            if move_away(&holding, &aside.path().join(number.to_string()))? {
                removed.push(holding);
            }
        }
        doomed::done(self.root())?;
        drop(gate);
        remove_all(aside)?;
        Ok(removed)
    }

    /// Gives back what the database's journal takes. One that is in use is left for another time.
    pub(super) fn shorten_journal(&self) {
        drop(self.database().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)"));
    }

    /// Takes out what came to be needed since it was chosen.
    fn look_again(&self, chosen: &mut Vec<Holding>, needed: &Needed) -> Result<(), Error> {
        let leased = Gate::leased(self.root())?;
        let stored = self.stored(needed)?;
        let blobs: HashSet<String> = needed.blobs.iter().map(ToString::to_string).collect();
        let origins = self.origins()?;
        let mut of_layer: HashMap<LayerId, Vec<&Origin>> = HashMap::new();
        for origin in &origins {
            of_layer.entry(origin.record.layer).or_default().push(origin);
        }
        chosen.retain(|holding| {
            let is_image = holding.kind != HoldingKind::Record && stored.contains(&holding.id);
            let own = holding.layer.and_then(|layer| of_layer.get(&layer));
            let is_new =
                own.into_iter().flatten().any(|origin| !holding.has(&origin.key, origin.used));
            !leased.contains(&holding.id) && !is_image && !is_new && !blobs.contains(&holding.id)
        });
        loop {
            let going: HashSet<ActionKey> = chosen
                .iter()
                .flat_map(|holding| &holding.origins)
                .map(|origin| origin.key)
                .collect();
            let stay = |origin: &&Origin| !going.contains(&origin.key);
            let below: HashSet<LayerId> = stood_on(origins.iter().filter(stay));
            let before = chosen.len();
            chosen.retain(|holding| holding.layer.is_none_or(|layer| !below.contains(&layer)));
            if chosen.len() == before {
                return Ok(());
            }
        }
    }

    /// Removes these records and layers, and all other rows that speak of them, in one transaction.
    pub(crate) fn forget(&self, origins: &[&Origin], layers: &[LayerId]) -> Result<(), Error> {
        let now = nanoseconds(SystemTime::now());
        let forgotten =
            now.saturating_sub(i64::try_from(REMEMBERED.as_nanos()).unwrap_or(i64::MAX));
        let forget = |transaction: &Transaction<'_>| -> rusqlite::Result<()> {
            transaction.execute("DELETE FROM evicted WHERE time < ?1", [forgotten])?;
            for origin in origins {
                evict(transaction, &origin.key, origin.step.as_ref(), now)?;
            }
            transaction.execute(
                "DELETE FROM evicted WHERE key IN
                 (SELECT key FROM evicted ORDER BY time DESC LIMIT -1 OFFSET ?1)",
                [MOST_REMEMBERED],
            )?;
            for layer in layers {
                let encoded = postcard::to_allocvec(layer).unwrap_or_default();
                transaction.execute("DELETE FROM layer WHERE id = ?1", [layer.to_string()])?;
                transaction.execute("DELETE FROM previous WHERE layer = ?1", [encoded])?;
            }
            transaction
                .execute("DELETE FROM account WHERE key IN (SELECT key FROM evicted)", [])?;
            transaction
                .execute("DELETE FROM alike WHERE key NOT IN (SELECT key FROM account)", [])?;
            transaction.execute(
                "DELETE FROM place_step WHERE step NOT IN
                 (SELECT step FROM account UNION SELECT step FROM alike)",
                [],
            )?;
            Ok(())
        };
        let mut database = self.database();
        let written = database.transaction().and_then(|transaction| {
            forget(&transaction)?;
            transaction.commit()
        });
        written.map_err(Error::database("forget what is removed"))
    }
}

impl Holding {
    fn has(&self, key: &ActionKey, used: i64) -> bool {
        self.origins.iter().any(|origin| origin.key == *key && origin.used == used)
    }
}

/// Gives it a name where nobody looks. `false` when somebody began to use it.
fn move_away(holding: &Holding, to: &Path) -> Result<bool, Error> {
    let Some(path) = &holding.path else { return Ok(true) };
    let _lock = match (holding.kind, File::open(path.join("lock"))) {
        (HoldingKind::CacheMount, Ok(lock)) => match lock.try_lock() {
            Ok(()) => Some(lock),
            Err(_) => return Ok(false),
        },
        _ => None,
    };
    match fs::rename(path, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("remove", path)(error))
        }
        _ => Ok(true),
    }
}

/// Frees the room, which takes a while.
fn remove_all(aside: Temporary) -> Result<(), Error> {
    fs::remove_dir_all(aside.path()).map_err(Error::io("remove", aside.path()))
}
