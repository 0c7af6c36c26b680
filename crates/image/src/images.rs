//! The entrance: a store, and how registries are reached.

use std::sync::OnceLock;

use lapstrake_cache::Store;
use lapstrake_oci::Digest;
use lapstrake_registry::{Client, ClientConfig};

use crate::Error;

/// The images of a store, and the way to those that are not in it yet. May be shared by threads;
/// connects to nothing before something is pulled.
#[derive(Debug)]
pub struct Images<'a> {
    pub(crate) store: &'a Store,
    config: ClientConfig,
    client: OnceLock<Client>,
}

/// What is told of an image on its way, from any thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A registry is asked what the name stands for.
    Resolving,
    /// Bytes of layers arrived. Layers that were here before do not count.
    Downloading {
        /// So far, of all layers.
        done: u64,
        /// Of all layers together.
        total: u64,
    },
    /// Layers arrived in a registry, or were there.
    Uploading {
        /// Bytes of layers so far, as the store has them.
        done: u64,
        /// Of all layers together.
        total: u64,
    },
    /// One layer got further.
    Layer {
        /// Its digest here, which another form of it does not have there.
        digest: Digest,
        /// Bytes so far.
        done: u64,
        /// All its bytes, as far as they are known.
        total: u64,
        /// How far it is.
        state: LayerState,
    },
    /// Everything is here, or there.
    Ready {
        /// Digest of the manifest.
        digest: Digest,
    },
}

/// See [`Progress::Layer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerState {
    /// On its way.
    Moving,
    /// It has arrived.
    Arrived,
    /// It was there before.
    Existed,
    /// The registry took it from another of its repositories.
    Mounted,
}

/// Receives [`Progress`].
pub(crate) type Report<'a> = &'a (dyn Fn(Progress) + Sync);

impl<'a> Images<'a> {
    /// The images of `store`; registries are reached as `config` says. Does nothing yet.
    pub fn new(store: &'a Store, config: ClientConfig) -> Self {
        Self { store, config, client: OnceLock::new() }
    }

    /// The client, made when it is first needed.
    pub(crate) fn client(&self) -> Result<&Client, Error> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = Client::new(self.config.clone())?;
        Ok(self.client.get_or_init(|| client))
    }
}
