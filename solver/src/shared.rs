//! What a shared cache tells of how the keys of steps were made.
//!
//! Values of variables whose names are those of secrets stay here, and so do the names of files that a command
//! only saw: they are in no layer.

use std::collections::{HashMap, HashSet};

use lapstrake_cache::{ActionKey, Error, Record, StepIds, Store};
use lapstrake_transfer::{Imports, SharedAccount, Step};

use crate::past;
use crate::reason::{Listing, Part, Subject};

/// The accounts of `steps`, from the store or else from the cache that they came from.
///
/// # Errors
/// When the store cannot be read.
pub fn accounts(
    steps: &[Step],
    store: &Store,
    imports: &Imports<'_>,
) -> Result<Vec<SharedAccount>, Error> {
    let executions: HashSet<Record> = steps.iter().map(|step| step.record).collect();
    // A step may have been found by a key that nothing is kept of.
    let mut keys: HashMap<Record, Vec<ActionKey>> = HashMap::new();
    for (key, record) in store.aliases(&executions)?.into_iter().chain(imports.aliases(&executions))
    {
        keys.entry(record).or_default().push(key);
    }
    let mut accounts = Vec::new();
    for step in steps {
        let Some((id, place)) = step.identity else { continue };
        let mut keys = keys.get(&step.record).cloned().unwrap_or_default();
        keys.insert(0, step.key);
        let told = match own(&keys, store)? {
            Some(own) => Some(own),
            None => imports.accounts().iter().find(|told| keys.contains(&told.key)).cloned(),
        };
        accounts.extend(told.map(|told| SharedAccount { step: id, place, ..told }));
    }
    Ok(accounts)
}

/// Keeps what other caches tell of steps that were found there: later builds on this store have them as their past, and
/// hand them on.
///
/// # Errors
/// When the store cannot be read or written.
pub(crate) fn adopt(
    steps: &[(ActionKey, Record, StepIds)],
    store: &Store,
    imports: &Imports<'_>,
) -> Result<(), Error> {
    let executions: HashSet<Record> = steps.iter().map(|(_, record, _)| *record).collect();
    let records: HashMap<ActionKey, Record> = imports.aliases(&executions).into_iter().collect();
    let mut told: HashMap<Record, &SharedAccount> = HashMap::new();
    for account in imports.accounts() {
        if let Some(record) = records.get(&account.key) {
            told.entry(*record).or_insert(account);
        }
    }
    for (_, record, ids) in steps {
        if let Some(account) = told.get(record)
            && store.account_of(&account.key)?.is_none()
        {
            past::adopt(store, ids, account)?;
        }
    }
    Ok(())
}

/// What this store keeps of the first of `keys` that it keeps something of.
fn own(keys: &[ActionKey], store: &Store) -> Result<Option<SharedAccount>, Error> {
    for key in keys {
        let Some((account, files)) = store.account_of(key)? else { continue };
        let Ok(parts) = postcard::from_bytes::<Vec<Part>>(&account.parts) else { continue };
        let mut listings: Vec<Listing> = postcard::from_bytes(&files).unwrap_or_default();
        listings.retain(|listing| listing.subject == Subject::Files);
        let parts: Vec<Part> = parts.into_iter().map(open).collect();
        // Plain data in memory always encodes.
        let encoded = (postcard::to_allocvec(&parts), postcard::to_allocvec(&listings));
        let (Ok(parts), Ok(files)) = encoded else { continue };
        let nobody = lapstrake_cache::StepId(key.0);
        return Ok(Some(SharedAccount { key: *key, step: nobody, place: nobody, parts, files }));
    }
    Ok(None)
}

/// The part as others may see it.
fn open(part: Part) -> Part {
    if part.subject.is_secret() { part.withheld() } else { part }
}
