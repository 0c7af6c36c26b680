//! What the keys of steps were made of, for stores that share a cache: so that a store which does not find a
//! step there can say what differs from the one that is there.
//!
//! One blob has the accounts of all steps that the cache knows, as far as they are kept: a zstd stream of
//! [`SharedAccount`]s in postcard's form, in the order of their keys. It is read when a step is missed or its
//! account is handed on, and not before. Nothing depends on what it says, and one that cannot be had or is
//! not as it should be is none.

use std::io::Read as _;
use std::time::Duration;

use lapstrake_cache::{ActionKey, StepId};
use serde::{Deserialize, Serialize};

use crate::Error;

/// The media type of the blob.
pub(crate) const ACCOUNTS_TYPE: &str = "application/vnd.lapstrake.cache.accounts.v1+zstd";

/// The most bytes of the blob.
pub(crate) const BLOB_LIMIT: u64 = 16 << 20;

/// How long it may take to come: nobody is to wait for a reason.
pub(crate) const TIME: Duration = Duration::from_secs(10);

/// The most bytes in it.
const PLAIN_LIMIT: usize = 64 << 20;

/// What may be in it at most when it is written: lists of files beyond that stay here.
const WRITTEN: usize = 8 << 20;

/// Fast: half of it is hashes.
const LEVEL: i32 = 3;

/// What the key of a step was made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedAccount {
    /// The key.
    pub key: ActionKey,
    /// The step, by what every store knows it by.
    pub step: StepId,
    /// Its place in its build, likewise.
    pub place: StepId,
    /// What went into the key. Opaque here.
    pub parts: Vec<u8>,
    /// The files that it took. Opaque here.
    pub files: Vec<u8>,
}

/// The bytes of the blob. Of lists of files that are too long together the longest are left out.
///
/// # Errors
/// When memory is short.
pub(crate) fn encode(mut accounts: Vec<SharedAccount>) -> Result<Vec<u8>, Error> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| Error::Accounts { source };
    accounts.sort_by_key(|account| account.key);
    accounts.dedup_by_key(|account| account.key);
    let mut all: usize = accounts.iter().map(|account| account.files.len()).sum();
    while all > WRITTEN {
        let Some(longest) = accounts.iter_mut().max_by_key(|account| account.files.len()) else {
            break;
        };
        all -= longest.files.len();
        longest.files = Vec::new();
    }
    let bytes = postcard::to_allocvec(&accounts).map_err(|error| failed(error.into()))?;
    zstd::encode_all(bytes.as_slice(), LEVEL).map_err(|error| failed(error.into()))
}

/// Reads the bytes of a blob, which may come from anybody.
///
/// # Errors
/// When they are none, or too many.
pub(crate) fn decode(blob: &[u8]) -> Result<Vec<SharedAccount>, Error> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| Error::Accounts { source };
    let mut bytes = Vec::new();
    let decoder = zstd::Decoder::new(blob).map_err(|error| failed(error.into()))?;
    let limit = PLAIN_LIMIT as u64;
    let read = decoder.take(limit + 1).read_to_end(&mut bytes);
    read.map_err(|error| failed(error.into()))?;
    if bytes.len() > PLAIN_LIMIT {
        return Err(failed(format!("it is larger than {limit} bytes").into()));
    }
    postcard::from_bytes(&bytes).map_err(|error| failed(error.into()))
}

#[cfg(test)]
mod tests {
    use lapstrake_rootfs::ContentHash;

    use super::*;

    fn account(name: &str, files: usize) -> SharedAccount {
        let hash = |what: &str| ContentHash::of(format!("{what} {name}").as_bytes());
        let (step, place) = (StepId(hash("step")), StepId(hash("place")));
        let files = vec![7; files];
        SharedAccount { key: ActionKey(hash("key")), step, place, parts: vec![1, 2], files }
    }

    #[test]
    fn what_is_written_is_read_in_one_order() {
        let accounts = vec![account("a", 3), account("b", 0), account("c", 9)];
        let bytes = encode(accounts.clone()).unwrap();
        let mut turned = accounts.clone();
        turned.reverse();
        turned.push(account("a", 3));
        assert_eq!(encode(turned).unwrap(), bytes);
        let mut read = decode(&bytes).unwrap();
        read.sort_by_key(|account| accounts.iter().position(|one| one == account));
        assert_eq!(read, accounts);
    }

    #[test]
    fn the_longest_lists_are_left_out() {
        let accounts = vec![account("a", WRITTEN - 10), account("b", 20), account("c", 5)];
        let read = decode(&encode(accounts).unwrap()).unwrap();
        let mut left: Vec<usize> = read.iter().map(|account| account.files.len()).collect();
        left.sort_unstable();
        assert_eq!(left, [0, 5, 20]);
    }

    #[test]
    fn what_is_no_account_or_too_much_is_refused() {
        let bomb = zstd::encode_all(&vec![0; PLAIN_LIMIT + 1][..], LEVEL).unwrap();
        let many = zstd::encode_all(&[0xff, 0xff, 0xff, 0xff, 0x0f][..], LEVEL).unwrap();
        for bytes in [&b""[..], b"no zstd", &bomb, &many] {
            assert!(decode(bytes).is_err());
        }
    }
}
