//! The numbers of a build's steps, from 1 in the order in which they first appear, as in BuildKit's plain form.
//!
//! Plain progress shows them, and `lap build logs` takes them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use lapstrake_solver::graph::VertexId;

/// What takes time and is shown as a step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Vertex(VertexId),
    Image(String),
    /// The layers of a shared cache.
    Cache(String),
    Export,
}

/// Gives numbers away, to any thread.
#[derive(Debug, Default)]
pub(crate) struct Numbers(Mutex<HashMap<Key, u32>>);

impl Numbers {
    /// The number of a step: the next one when it appears for the first time.
    pub(crate) fn of(&self, key: &Key) -> u32 {
        // Nothing panics while it is locked.
        let mut given = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = given.get(key) {
            return *number;
        }
        let number = u32::try_from(given.len()).unwrap_or(u32::MAX).saturating_add(1);
        given.insert(key.clone(), number);
        number
    }
}
