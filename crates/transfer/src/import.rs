//! Caches that are read from: what they know at once, layers when they are needed.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::fmt;
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use lapstrake_cache::{ActionKey, Layer, Record, Store};
use lapstrake_image::parallel;
use lapstrake_oci::{Descriptor, Digest};
use lapstrake_rootfs::{ContentHash, LayerId, LayerManifest};

use crate::offer::{Catalogue, Details, Offer};
use crate::rebuild::Known;
use crate::{Error, Place, SharedAccount, Step, account, inline, rebuild};

/// The largest compressed layer manifest, in bytes.
const MANIFEST_LIMIT: u64 = 256 << 20;

/// Layers that are brought at the same time.
const FETCHES: usize = 4;

/// Caches that are asked at the same time.
const READS: usize = 8;

/// What is known from other caches. Shared by the threads of a build.
pub struct Imports<'a> {
    store: &'a Store,
    cancelled: Box<dyn Fn() -> bool + Send + Sync + 'a>,
    places: Vec<Place>,
    /// What came from each.
    arrivals: Vec<Arrival>,
    /// In the order of the caches.
    records: HashMap<ActionKey, Vec<Record>>,
    /// Where a layer can be had, in the order of the caches.
    layers: HashMap<ContentHash, Vec<(usize, Offer)>>,
    /// Where it is said what keys were made of, in the order of the caches.
    told: Vec<(usize, Descriptor)>,
    /// What is said there, once somebody wanted to know.
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
}

impl fmt::Debug for Imports<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Imports({:?}, {} records)", self.places, self.records.len())
    }
}

impl<'a> Imports<'a> {
    /// Knows nothing yet. Layers become layers of `store`; one on its way is given up when
    /// `cancelled` says so.
    pub fn new(store: &'a Store, cancelled: impl Fn() -> bool + Send + Sync + 'a) -> Self {
        Self {
            store,
            cancelled: Box::new(cancelled),
            places: Vec::new(),
            arrivals: Vec::new(),
            records: HashMap::new(),
            layers: HashMap::new(),
            told: Vec::new(),
            accounts: OnceLock::new(),
            state: Mutex::default(),
        }
    }

    /// Learns what the caches at `places` know; what one knows counts more than what those after it do.
    /// Reads nothing but their manifests and configs, of all at the same time. Returns those that there are
    /// not, or that cannot be read, each with the reason: of them nothing is learned.
    pub fn add(&mut self, places: Vec<Place>) -> Vec<(Place, Error)> {
        let read = |place: &Place| Ok::<_, Infallible>(catalogues(place));
        let Ok(found) = parallel::each(&places, READS, read);
        let mut failed = Vec::new();
        for (place, catalogues) in places.into_iter().zip(found) {
            match catalogues {
                Ok(catalogues) => self.learn(place, catalogues),
                Err(error) => failed.push((place, error)),
            }
        }
        failed
    }

    fn learn(&mut self, place: Place, catalogues: Vec<Catalogue>) {
        let number = self.places.len();
        for Catalogue { records, layers, accounts } in catalogues {
            self.told.extend(accounts.map(|accounts| (number, accounts)));
            for (key, record) in records {
                self.records.entry(key).or_default().push(record);
            }
            for layer in layers {
                self.layers.entry(layer.content).or_default().push((number, layer));
            }
        }
        self.places.push(place);
        self.arrivals.push(Arrival::default());
    }

    /// Whether nothing is known from other caches.
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

    /// What `key` came to elsewhere, if the layer can still be had.
    pub fn record(&self, key: &ActionKey) -> Option<Record> {
        let records = self.records.get(key)?;
        let state = self.state();
        let is_lost = |record: &&Record| match record.layer {
            LayerId::Built(content) => state.lost.contains(&content),
            LayerId::Image(_) => true,
        };
        records.iter().find(|record| !is_lost(record)).copied()
    }

    /// The cache that has a result of `key` whose layer was found to be no good.
    pub fn lost(&self, key: &ActionKey) -> Option<String> {
        let records = self.records.get(key)?;
        let mut contents = records.iter().filter_map(|record| match record.layer {
            LayerId::Built(content) => Some(content),
            LayerId::Image(_) => None,
        });
        let lost = contents.find(|content| self.state().lost.contains(content))?;
        let (place, _) = self.layers.get(&lost)?.first()?;
        self.places.get(*place).map(ToString::to_string)
    }

    /// What the keys of other caches were made of, in the order of the caches. Read at the first call; what
    /// cannot be read says nothing.
    pub fn accounts(&self) -> &[SharedAccount] {
        self.accounts.get_or_init(|| {
            let each = self.told.iter().filter_map(|(number, told)| {
                let place = self.places.get(*number)?;
                let blob = place.small_within(told, account::BLOB_LIMIT, account::TIME).ok()?;
                account::decode(&blob).ok()
            });
            each.flatten().collect()
        })
    }

    /// All keys that came to one of these records.
    pub fn aliases(&self, records: &HashSet<Record>) -> Vec<(ActionKey, Record)> {
        let all = self.records.iter().flat_map(|(key, found)| found.iter().map(|one| (*key, *one)));
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
        let (place, cached) = self.layers.get(content)?.first()?;
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
        let Some(sources) = self.layers.get(content) else { return Ok(None) };
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
            let is_known = self.layers.contains_key(content) && !missing.contains(id);
            if is_known && !self.store.has_layer(id)? {
                missing.push(*id);
            }
        }
        parallel::each(&missing, FETCHES, |id| self.fetch(id).map(drop)).map(drop)
    }

    /// Notes in the store what `steps` came to, as far as their layers were brought here: the next
    /// build finds them without another cache.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn keep(&self, steps: &[Step]) -> Result<(), lapstrake_cache::Error> {
        if self.records.is_empty() {
            return Ok(());
        }
        let executions: HashSet<Record> = steps.iter().map(|step| step.record).collect();
        for (key, record) in self.aliases(&executions) {
            if self.store.has_layer(&record.layer)? && self.store.record(&key)?.is_none() {
                self.store.put_record(&key, &record)?;
            }
        }
        Ok(())
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

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a cache knows; an index of caches, what all of them do.
fn catalogues(place: &Place) -> Result<Vec<Catalogue>, Error> {
    let manifests = place.manifests()?;
    manifests.iter().map(|manifest| Catalogue::read(place, manifest)).collect()
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
