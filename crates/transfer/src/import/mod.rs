//! Caches that are read from: what they know at the first step that is not in the store, layers when they are
//! needed.

mod knowledge;

use std::collections::HashSet;
use std::fmt;
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use lapstrake_cache::{ActionKey, Layer, Record, Store};
use lapstrake_image::parallel;
use lapstrake_oci::{Descriptor, Digest};
use lapstrake_rootfs::{ContentHash, LayerId, LayerManifest};

use self::knowledge::Asked;
use crate::offer::{Details, Offer};
use crate::rebuild::Known;
use crate::{Error, Place, SharedAccount, Step, account, inline, rebuild};

/// The largest compressed layer manifest, in bytes.
const MANIFEST_LIMIT: u64 = 256 << 20;

/// Layers that are brought at the same time.
const FETCHES: usize = 4;

/// What is known from other caches. Shared by the threads of a build.
pub struct Imports<'a> {
    store: &'a Store,
    cancelled: Box<dyn Fn() -> bool + Send + Sync + 'a>,
    places: Arc<[Place]>,
    /// What came from each.
    arrivals: Vec<Arrival>,
    /// What they know.
    asked: Asked,
    /// What is said of how their keys were made, once somebody wanted to know.
    accounts: OnceLock<Vec<SharedAccount>>,
    state: Mutex<State>,
}

/// A layer that a cache has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// Digest of its tar.
    pub diff_id: Digest,
    /// The tar, perhaps compressed.
    pub blob: Descriptor,
    /// How the blob was made of the tar, as [`lapstrake_image::Packing`] writes it.
    pub packing: String,
}

/// What came from a cache, and what is on its way: bytes of layers as they are sent.
#[derive(Debug, Default)]
struct Arrival {
    done: AtomicU64,
    total: AtomicU64,
}

/// How far the layers of a cache are that were needed until now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arriving {
    /// The cache.
    pub place: String,
    /// Bytes that came, as they were sent.
    pub done: u64,
    /// Bytes of all these layers.
    pub total: u64,
}

#[derive(Default)]
struct State {
    /// Layers that could not be had.
    lost: HashSet<ContentHash>,
    /// Caches whose servers were silent, by their numbers: they are not asked again, or a build would wait
    /// as often as there are layers.
    silent: HashSet<usize>,
    /// Blobs that were there and no good.
    bad: HashSet<Digest>,
    /// Why, in sentences that nobody was told yet.
    losses: Vec<String>,
    /// How many layers came.
    fetched: usize,
    /// Whether it was told which caches cannot be read.
    failures_are_told: bool,
}

impl fmt::Debug for Imports<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Imports({:?})", self.places)
    }
}

impl<'a> Imports<'a> {
    /// Begins to ask the caches at `places` what they know; what one knows counts more than what those after it
    /// do. Only manifests and configs are read until a layer is needed. Layers become layers of `store`; one on
    /// its way is given up when `cancelled` says so.
    pub fn new(
        store: &'a Store,
        cancelled: impl Fn() -> bool + Send + Sync + 'a,
        places: Vec<Place>,
    ) -> Self {
        let places: Arc<[Place]> = places.into();
        Self {
            store,
            cancelled: Box::new(cancelled),
            arrivals: places.iter().map(|_| Arrival::default()).collect(),
            asked: Asked::ask(Arc::clone(&places)),
            places,
            accounts: OnceLock::new(),
            state: Mutex::default(),
        }
    }

    /// Whether there are no other caches.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// How far the layers are that were needed, for each cache that one came from.
    pub fn arriving(&self) -> Vec<Arriving> {
        let each = self.places.iter().zip(&self.arrivals).map(|(place, arrival)| Arriving {
            place: place.to_string(),
            done: arrival.done.load(Ordering::Relaxed),
            total: arrival.total.load(Ordering::Relaxed),
        });
        each.filter(|one| one.total > 0).collect()
    }

    /// What `key` came to elsewhere, if the layer can still be had. The first call waits for the answers of
    /// all caches, or until `cancelled`.
    pub fn record(&self, key: &ActionKey, cancelled: &dyn Fn() -> bool) -> Option<Record> {
        let records = self.asked.wait(cancelled).records.get(key)?;
        let state = self.state();
        let is_lost = |record: &&Record| match record.layer {
            LayerId::Built(content) => state.lost.contains(&content),
            LayerId::Image(_) => true,
        };
        records.iter().find(|record| !is_lost(record)).copied()
    }

    /// The cache that has a result of `key` whose layer was found to be no good.
    pub fn lost(&self, key: &ActionKey) -> Option<String> {
        let knowledge = self.asked.known()?;
        let records = knowledge.records.get(key)?;
        let mut contents = records.iter().filter_map(|record| match record.layer {
            LayerId::Built(content) => Some(content),
            LayerId::Image(_) => None,
        });
        let lost = contents.find(|content| self.state().lost.contains(content))?;
        let (place, _) = knowledge.layers.get(&lost)?.first()?;
        self.places.get(*place).map(ToString::to_string)
    }

    /// What the keys of other caches were made of, in the order of the caches. Read at the first call; what
    /// cannot be read says nothing.
    pub fn accounts(&self) -> &[SharedAccount] {
        self.accounts.get_or_init(|| {
            let told = self.asked.known().map(|knowledge| &*knowledge.told).unwrap_or_default();
            let each = told.iter().filter_map(|(number, told)| {
                let place = self.places.get(*number)?;
                let blob = place.small_within(told, account::BLOB_LIMIT, account::TIME).ok()?;
                account::decode(&blob).ok()
            });
            each.flatten().collect()
        })
    }

    /// All keys that came to one of these records. Waits for the answers of all caches.
    pub fn aliases(&self, records: &HashSet<Record>) -> Vec<(ActionKey, Record)> {
        let known = &self.asked.wait(&*self.cancelled).records;
        let all = known.iter().flat_map(|(key, found)| found.iter().map(|one| (*key, *one)));
        all.filter(|(_, record)| records.contains(record)).collect()
    }

    /// What a cache says of a layer that need not be here; `None` when none has it.
    ///
    /// # Errors
    /// When the store cannot be written: a registry that has it is noted, so that another repository
    /// can have the blob mounted from there.
    pub fn offered(&self, id: &LayerId) -> Result<Option<Offered>, lapstrake_cache::Error> {
        let Some((place, offer)) = self.source(id) else { return Ok(None) };
        if let Some(repository) = place.repository() {
            self.store.put_place(&offer.blob.digest, &repository)?;
        }
        let Offer { diff_id, blob, packing, .. } = offer.clone();
        Ok(Some(Offered { diff_id, blob, packing }))
    }

    /// The paths of a layer, which need not be here, with times that a build made up, as
    /// [`crate::tell`] wants them.
    ///
    /// # Errors
    /// When a cache that has the layer cannot be read.
    pub fn made(&self, id: &LayerId) -> Result<Option<Vec<String>>, Error> {
        let Some((place, offer)) = self.source(id) else { return Ok(None) };
        match &offer.details {
            Details::Manifest(manifest) => Ok(inline::made(&bring_manifest(place, manifest)?)),
            Details::Made(made) => {
                let texts = made.iter().map(|path| String::from_utf8(path.as_bytes().to_vec()));
                Ok(texts.collect::<Result<_, _>>().ok())
            }
        }
    }

    /// Where the layer can be had without having been needed.
    pub(crate) fn source(&self, layer: &LayerId) -> Option<(&Place, &Offer)> {
        let LayerId::Built(content) = layer else { return None };
        if self.state().lost.contains(content) {
            return None;
        }
        let (place, cached) = self.asked.known()?.layers.get(content)?.first()?;
        Some((self.places.get(*place)?, cached))
    }

    /// Brings the layer into the store, if a cache has it; `None` when none does. When every one
    /// that says so fails, the layer counts as lost from now on: no record leads to it any more, and
    /// [`Imports::take_losses`] says why. Waits for others that are bringing it.
    ///
    /// # Errors
    /// When the store cannot be read, or the wait is cancelled.
    pub fn fetch(&self, id: &LayerId) -> Result<Option<Layer>, lapstrake_cache::Error> {
        let LayerId::Built(content) = id else { return Ok(None) };
        let Some(sources) = self.sources(content) else { return Ok(None) };
        let _lock = self.store.lock_layer(id, &*self.cancelled)?;
        if let Some(layer) = self.store.layer(id)? {
            return Ok(Some(layer));
        }
        if self.state().lost.contains(content) {
            return Ok(None);
        }
        let mut losses = Vec::new();
        for (number, cached) in sources {
            let place = self.places.get(*number).zip(self.arrivals.get(*number));
            let Some((place, arrival)) = place else { continue };
            if self.state().silent.contains(number) {
                losses
                    .push(format!("a layer of the cache {place} is not asked for: it was silent"));
                continue;
            }
            match self.counted(place, cached, arrival) {
                Ok(layer) => {
                    self.state().fetched += 1;
                    return Ok(Some(layer));
                }
                Err(_) if (self.cancelled)() => return Err(lapstrake_cache::Error::Cancelled),
                Err(error) => {
                    let why = error.with_causes();
                    if error.is_silence() {
                        self.state().silent.insert(*number);
                    }
                    self.state().bad.extend(cached.blobs());
                    losses.push(format!("a layer of the cache {place} cannot be used: {why}"));
                }
            }
        }
        let mut state = self.state();
        state.lost.insert(*content);
        state.losses.append(&mut losses);
        Ok(None)
    }

    /// Brings those of `layers` that a cache has and the store has not into the store, several at a
    /// time; as [`Imports::fetch`].
    ///
    /// # Errors
    /// As [`Imports::fetch`].
    pub fn provide(&self, layers: &[LayerId]) -> Result<(), lapstrake_cache::Error> {
        let mut missing = Vec::new();
        for id in layers {
            let LayerId::Built(content) = id else { continue };
            let is_known = self.sources(content).is_some() && !missing.contains(id);
            if is_known && !self.store.has_layer(id)? {
                missing.push(*id);
            }
        }
        parallel::each(&missing, FETCHES, |id| self.fetch(id).map(drop)).map(drop)
    }

    /// Notes in the store what `steps` came to, as far as their layers were brought here: the next
    /// build finds them without another cache. Returns whether the store did not know one of them.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn keep(&self, steps: &[Step]) -> Result<bool, lapstrake_cache::Error> {
        if self.asked.known().is_none_or(|knowledge| knowledge.records.is_empty()) {
            return Ok(false);
        }
        let mut is_any_new = false;
        let executions: HashSet<Record> = steps.iter().map(|step| step.record).collect();
        for (key, record) in self.aliases(&executions) {
            if self.store.has_layer(&record.layer)? && self.store.record(&key)?.is_none() {
                self.store.put_record(&key, &record)?;
                is_any_new = true;
            }
        }
        Ok(is_any_new)
    }

    /// The caches that there are not, or that cannot be read, each with the reason; once, and as soon as
    /// somebody waited for their answers.
    pub fn take_failures(&self) -> Vec<(&Place, &Error)> {
        let Some(knowledge) = self.asked.known() else { return Vec::new() };
        if knowledge.failures.is_empty()
            || std::mem::replace(&mut self.state().failures_are_told, true)
        {
            return Vec::new();
        }
        let failures = knowledge.failures.iter();
        failures.filter_map(|(number, error)| Some((self.places.get(*number)?, error))).collect()
    }

    /// Why layers were lost since the last call, each in one sentence.
    pub fn take_losses(&self) -> Vec<String> {
        std::mem::take(&mut self.state().losses)
    }

    /// Whether a layer was lost since [`Imports::take_losses`] was last called.
    pub fn has_losses(&self) -> bool {
        !self.state().losses.is_empty()
    }

    /// How many layers were brought into the store.
    pub fn fetched(&self) -> usize {
        self.state().fetched
    }

    /// Whether a blob of a cache was found to be no good: another one is to take its place.
    pub(crate) fn is_bad(&self, blob: &Digest) -> bool {
        self.state().bad.contains(blob)
    }

    /// Brings a layer, and lets others know how far it is. One that fails has never been on its way.
    fn counted(&self, place: &Place, cached: &Offer, arrival: &Arrival) -> Result<Layer, Error> {
        let came = AtomicU64::new(0);
        arrival.total.fetch_add(cached.blob.size, Ordering::Relaxed);
        let count = |bytes| {
            came.fetch_add(bytes, Ordering::Relaxed);
            arrival.done.fetch_add(bytes, Ordering::Relaxed);
        };
        let brought = self.bring(place, cached, &count);
        if brought.is_err() {
            arrival.total.fetch_sub(cached.blob.size, Ordering::Relaxed);
            arrival.done.fetch_sub(came.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        brought
    }

    fn bring(
        &self,
        place: &Place,
        cached: &Offer,
        count: &(dyn Fn(u64) + Sync),
    ) -> Result<Layer, Error> {
        let known = match &cached.details {
            Details::Manifest(manifest) => Known::Manifest(bring_manifest(place, manifest)?),
            Details::Made(made) => Known::Made(made),
        };
        let (reader, cancelled) = (place.blob(&cached.blob)?, &*self.cancelled);
        let blob = Watched { reader, cancelled, count };
        let layer = rebuild::rebuild(self.store, cached, blob, known)?;
        let (digest, size) = (&cached.blob.digest, cached.blob.size);
        self.store.put_packed(&cached.diff_id, &cached.packing, digest, size)?;
        if let Some(repository) = place.repository() {
            self.store.put_place(digest, &repository)?;
        }
        Ok(layer)
    }

    /// Where a layer can be had.
    fn sources(&self, layer: &ContentHash) -> Option<&Vec<(usize, Offer)>> {
        self.asked.known()?.layers.get(layer)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The manifest of a layer, from where a cache has it.
fn bring_manifest(place: &Place, manifest: &Descriptor) -> Result<LayerManifest, Error> {
    if manifest.size > MANIFEST_LIMIT {
        let (size, digest) = (manifest.size, manifest.digest);
        return Err(Error::TooLarge { digest, size, limit: MANIFEST_LIMIT });
    }
    rebuild::manifest(manifest, place.blob(manifest)?)
}

/// Tells how much is read, and fails when the user stops the build.
struct Watched<'a> {
    reader: Box<dyn Read + Send>,
    cancelled: &'a (dyn Fn() -> bool + Send + Sync),
    count: &'a (dyn Fn(u64) + Sync),
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if (self.cancelled)() {
            return Err(io::Error::other("cancelled"));
        }
        let read = self.reader.read(buffer)?;
        (self.count)(read as u64);
        Ok(read)
    }
}
