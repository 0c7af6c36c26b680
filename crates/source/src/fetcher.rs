//! Fetching into the store: what is there already, what has to come, and one fetch at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use lapstrake_cache::{ActionKey, Record, Staging, Store};
use lapstrake_http::Settings;
use lapstrake_rootfs::{ContentHash, LayerId, LayerManifest};

use crate::git::GitConfig;
use crate::http::request::Client;
use crate::{Error, Secrets};

/// How remote sources are reached.
#[derive(Clone, Debug)]
pub struct Config {
    /// Proxies and timeouts.
    pub http: Settings,
    /// How `git` is run.
    pub git: GitConfig,
    /// The most bytes that are taken of one source, decompressed.
    pub most_bytes: u64,
    /// How long one source may take, in seconds.
    pub most_seconds: u64,
}

/// Takes every sane source: 64 GiB, within six hours.
impl Default for Config {
    fn default() -> Self {
        Self {
            http: Settings::default(),
            git: GitConfig::default(),
            most_bytes: 64 << 30,
            most_seconds: 6 * 3600,
        }
    }
}

/// What a source came to: one layer in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The layer. Its id speaks of times too.
    pub layer: LayerId,
    /// The time that the source itself has, in seconds since 1970: Last-Modified, or the commit's.
    pub modified: Option<i64>,
    /// Whether it had to be fetched.
    pub is_new: bool,
    /// What came, when it had to be fetched from elsewhere.
    pub version: Option<Version>,
}

/// What of a source was fetched, and what the store knew of it before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// What the store knows it by.
    pub key: ActionKey,
    /// What it is called: the file's name, or the full name of a branch or tag.
    pub name: String,
    /// Which one it is: the digest of a body, or the id of a commit.
    pub id: String,
    /// Whether the store had just this already.
    pub was_here: bool,
    /// When the store's last copy of it was evicted, if it was: nanoseconds since 1970.
    pub evicted: Option<i64>,
}

/// Fetches sources into a store. Each source is asked for once, however often it is wanted, and by
/// one thread and process at a time. May be shared by threads.
pub struct Fetcher<'a> {
    pub(crate) store: &'a Store,
    pub(crate) config: Config,
    pub(crate) client: Client,
    pub(crate) secrets: Secrets,
    pub(crate) cancelled: &'a (dyn Fn() -> bool + Sync),
    done: Mutex<HashMap<ContentHash, Arc<Mutex<Option<Fetched>>>>>,
}

impl<'a> Fetcher<'a> {
    /// Connects to nothing yet. Secrets are shown only to the hosts that their ids name.
    ///
    /// # Errors
    /// When a proxy's URL is none.
    pub fn new(
        store: &'a Store,
        config: Config,
        secrets: Secrets,
        cancelled: &'a (dyn Fn() -> bool + Sync),
    ) -> Result<Self, Error> {
        let client = Client::new(&config.http)?;
        Ok(Self { store, config, client, secrets, cancelled, done: Mutex::default() })
    }

    /// What `fetch` comes to, or came to before for this `source`.
    pub(crate) fn once(
        &self,
        source: ContentHash,
        fetch: impl FnOnce() -> Result<Fetched, Error>,
    ) -> Result<Fetched, Error> {
        let slot = {
            let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
            done.entry(source).or_default().clone()
        };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fetched) = &*slot {
            return Ok(Fetched { is_new: false, version: None, ..fetched.clone() });
        }
        let fetched = fetch()?;
        *slot = Some(fetched.clone());
        Ok(fetched)
    }

    /// The layer of a record, when it is here.
    pub(crate) fn recorded(&self, key: &ActionKey) -> Result<Option<LayerId>, Error> {
        Ok(self.store.record(key)?.map(|record| record.layer))
    }

    /// What is known of `key` before it is fetched, and not after.
    pub(crate) fn version(&self, key: ActionKey, name: &str, id: &str) -> Result<Version, Error> {
        Ok(Version {
            key,
            name: name.to_owned(),
            id: id.to_owned(),
            was_here: self.recorded(&key)?.is_some(),
            evicted: self.store.evicted(&key)?,
        })
    }

    /// Keeps a layer and notes it under `keys`.
    pub(crate) fn keep(
        &self,
        staging: Staging,
        manifest: LayerManifest,
        keys: &[ActionKey],
    ) -> Result<LayerId, Error> {
        let id = LayerId::Built(manifest.timed_hash());
        let layer = self.store.commit_layer(staging, id, manifest)?.id;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let created = i64::try_from(now.as_nanos()).unwrap_or(i64::MAX);
        for key in keys {
            self.store.put_record(key, &Record { layer, created })?;
        }
        Ok(layer)
    }
}

impl std::fmt::Debug for Fetcher<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Fetcher").field("config", &self.config).finish_non_exhaustive()
    }
}
