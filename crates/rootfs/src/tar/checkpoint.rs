//! Where the hashing of a layer's tar stood at times, for a later layer that begins like it.
//!
//! A digest goes over the whole tar. When one file of many changed, what lies in front of it in the tar
//! is what it was, and so is the state that SHA-256 was in behind that.

use lapstrake_oci::DigestHasher;
use serde::{Deserialize, Serialize};

use crate::ContentHash;

/// What bytes that are no tar's any more begin with: another number for each change of the canonical tar.
const VERSION: u32 = 1;

/// Bytes of the tar between two checkpoints, at least.
const DISTANCE: u64 = 1 << 20;

/// Checkpoints of one tar, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoints(Vec<Checkpoint>);

/// The state behind some of a layer's entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    /// How many.
    pub(super) entries: usize,
    /// Bytes of the tar.
    pub(super) size: u64,
    state: Vec<u8>,
}

impl Checkpoint {
    pub(super) fn hasher(&self) -> Option<DigestHasher> {
        DigestHasher::restore(&self.state)
    }
}

impl Checkpoints {
    /// Whether there is nothing to go on from.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those behind no more than so many entries.
    pub(super) fn within(&self, entries: usize) -> Self {
        Self(self.0.iter().take_while(|point| point.entries <= entries).cloned().collect())
    }

    pub(super) fn last(&self) -> Option<&Checkpoint> {
        self.0.last()
    }

    /// Adds one, if the last one is far enough behind.
    pub(super) fn note(&mut self, entries: usize, size: u64, hasher: &DigestHasher) {
        let before = self.last().map_or(0, |last| last.size);
        if size.saturating_sub(before) >= DISTANCE {
            self.0.push(Checkpoint { entries, size, state: hasher.save() });
        }
    }

    /// As bytes that tell when they are damaged.
    ///
    /// # Errors
    /// None that checkpoints can cause; postcard's signature has one.
    pub fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        let body = postcard::to_allocvec(&(VERSION, self))?;
        Ok([ContentHash::of(&body).as_bytes().as_slice(), &body].concat())
    }

    /// What [`Checkpoints::encode`] wrote; `None` when it was another version, or something else. Then
    /// hashing begins at the beginning.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (hash, body) = bytes.split_at_checked(ContentHash::of(b"").as_bytes().len())?;
        if ContentHash::of(body).as_bytes() != hash {
            return None;
        }
        let (version, checkpoints): (u32, Self) = postcard::from_bytes(body).ok()?;
        (version == VERSION).then_some(checkpoints)
    }
}
