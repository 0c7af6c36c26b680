//! What the cache knows of a step that was executed: what its key was made of, and what that differed in
//! from the execution before.

use lapstrake_cache::{Account, ActionKey, Error, StepId, Store};
use lapstrake_source::Version;

use crate::graph::Op;
use crate::op::fetched_parts;
use crate::past::{Identity, Ledger, Past, Present, listed, nearest_difference};
use crate::reason::{Part, Reason, fit};

/// An execution of a step, as its account tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// What its key was made of.
    pub parts: Vec<Part>,
    /// How many files it took, as far as they are kept.
    pub files: usize,
    /// What differed from the nearest earlier execution that is known.
    pub reason: Reason,
}

/// What is known of the execution of `step` with this key; `None` when its account is gone. Accounts go with their
/// records, so what seems to be a first execution may not be that.
///
/// # Errors
/// When the store cannot be read.
pub fn known(store: &Store, step: &StepId, key: &ActionKey) -> Result<Option<Known>, Error> {
    let accounts = store.accounts(step)?;
    let mut own = accounts.iter().skip_while(|account| account.key != *key);
    let Some(account) = own.next() else { return Ok(None) };
    let Ok(parts) = postcard::from_bytes::<Vec<Part>>(&account.parts) else { return Ok(None) };
    let listings = listed(store, key)?;
    // The newest comes first, so those before it come after it.
    let earlier: Vec<Account> = own.cloned().collect();
    let reason = nearest_difference(store, &earlier, (&parts, &listings))?;
    let files = listings.iter().map(|listing| listing.files.len()).sum();
    Ok(Some(Known { files, reason: reason.unwrap_or(Reason::First), parts }))
}

/// Why the build context `name` of `project` was fetched, which is what `op` says and of which `version`
/// came. Kept for the next build. `None` for what is not fetched.
///
/// # Errors
/// When the store cannot be read or written.
pub fn fetched_context(
    store: &Store,
    project: &str,
    (name, op): (&str, &Op),
    version: &Version,
) -> Result<Option<Reason>, Error> {
    let Some(identity) = Identity::of_context(op, name) else { return Ok(None) };
    let mut parts = fetched_parts(op, version);
    fit(&mut parts, &|text| text);
    let present = Present { key: version.key, identity: &identity, parts: &parts, listings: &[] };
    let reason = Past { store, imports: None, project, plan: None }.fetched(&present, version)?;
    Ledger::of(&present, project, &reason).keep(store)?;
    Ok(Some(reason))
}
