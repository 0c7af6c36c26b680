//! What the cache knows of a step that was executed: what its key was made of, and what that differed in
//! from the execution before.

use lapstrake_cache::{Account, ActionKey, Error, StepId, Store};

use crate::reason::{KnownFile, Part, Reason, compare_files, differences, first};

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

/// What is known of the execution of `step` with this key; `None` when its account is gone. Of a step
/// the last few accounts are kept, so what seems to be its first execution may not be that.
///
/// # Errors
/// When the store cannot be read.
pub fn known(store: &Store, step: &StepId, key: &ActionKey) -> Result<Option<Known>, Error> {
    let accounts = store.accounts(step)?;
    let mut own = accounts.iter().skip_while(|account| account.key != *key);
    let Some(account) = own.next() else { return Ok(None) };
    let Ok(parts) = postcard::from_bytes::<Vec<Part>>(&account.parts) else { return Ok(None) };
    let files = files(store, step, key)?;
    // The newest comes first, so those before it come after it.
    let earlier: Vec<Account> = own.cloned().collect();
    let reason = nearest_difference(store, step, &earlier, (&parts, &files))?;
    Ok(Some(Known { files: files.len(), reason: reason.unwrap_or(Reason::First), parts }))
}

/// What differs from the nearest of `accounts`, which are of `step`: the one that differs in the fewest
/// parts. `None` when there is none.
pub(crate) fn nearest_difference(
    store: &Store,
    step: &StepId,
    accounts: &[Account],
    (parts, files_now): (&[Part], &[KnownFile]),
) -> Result<Option<Reason>, Error> {
    let accounts = accounts.iter().filter_map(|account| {
        Some((account.key, postcard::from_bytes::<Vec<Part>>(&account.parts).ok()?))
    });
    let nearest = accounts.min_by_key(|(_, known)| differences(known, parts).len());
    let Some((key, known)) = nearest else { return Ok(None) };
    let earlier = files(store, step, &key)?;
    Ok(Some(first(&differences(&known, parts), || {
        let both = !earlier.is_empty() && !files_now.is_empty();
        both.then(|| compare_files(&earlier, files_now)).flatten()
    })))
}

fn files(store: &Store, step: &StepId, key: &ActionKey) -> Result<Vec<KnownFile>, Error> {
    let bytes = store.account_files(step, key)?.unwrap_or_default();
    Ok(postcard::from_bytes(&bytes).unwrap_or_default())
}
