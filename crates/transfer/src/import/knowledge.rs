//! What caches say they have: asked for beside the build, and waited for by whoever needs it first.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use lapstrake_cache::{ActionKey, Record};
use lapstrake_image::parallel;
use lapstrake_oci::Descriptor;
use lapstrake_rootfs::ContentHash;

use crate::offer::{Catalogue, Offer};
use crate::{Error, Place};

/// Caches that are asked at the same time.
const READS: usize = 8;

/// Between two looks at whether to go on waiting.
const PAUSE: Duration = Duration::from_millis(20);

/// What all caches know; they are known by their numbers.
#[derive(Default)]
pub(super) struct Knowledge {
    /// In the order of the caches.
    pub(super) records: HashMap<ActionKey, Vec<Record>>,
    /// Where a layer can be had, in the order of the caches.
    pub(super) layers: HashMap<ContentHash, Vec<(usize, Offer)>>,
    /// Where it is said what keys were made of, in the order of the caches.
    pub(super) told: Vec<(usize, Descriptor)>,
    /// The caches that there are not, or that cannot be read: of them nothing is known.
    pub(super) failures: Vec<(usize, Error)>,
}

impl Knowledge {
    /// Asks all at the same time. Reads nothing but their manifests and configs.
    fn of(places: &[Place]) -> Self {
        let Ok(found) =
            parallel::each(places, READS, |place| Ok::<_, Infallible>(catalogues(place)));
        let mut knowledge = Self::default();
        for (number, catalogues) in found.into_iter().enumerate() {
            match catalogues {
                Ok(catalogues) => knowledge.learn(number, catalogues),
                Err(error) => knowledge.failures.push((number, error)),
            }
        }
        knowledge
    }

    fn learn(&mut self, number: usize, catalogues: Vec<Catalogue>) {
        for Catalogue { records, layers, accounts } in catalogues {
            self.told.extend(accounts.map(|accounts| (number, accounts)));
            for (key, record) in records {
                self.records.entry(key).or_default().push(record);
            }
            for layer in layers {
                self.layers.entry(layer.content).or_default().push((number, layer));
            }
        }
    }
}

/// What a cache knows; an index of caches, what all of them do.
fn catalogues(place: &Place) -> Result<Vec<Catalogue>, Error> {
    let manifests = place.manifests()?;
    manifests.iter().map(|manifest| Catalogue::read(place, manifest)).collect()
}

/// Knowledge that is on its way until somebody waited for it.
pub(super) struct Asked {
    places: Arc<[Place]>,
    answer: Mutex<Receiver<Knowledge>>,
    knowledge: OnceLock<Knowledge>,
}

impl Asked {
    /// Asks in a thread of its own. Nothing waits for its end: a build that needs no answer does not stay for
    /// a server that is silent.
    pub(super) fn ask(places: Arc<[Place]>) -> Self {
        let (sender, answer) = channel();
        if !places.is_empty() {
            let asked = Arc::clone(&places);
            let ask = move || sender.send(Knowledge::of(&asked));
            // Where no thread can be had, whoever waits asks.
            drop(thread::Builder::new().spawn(ask));
        }
        Self { places, answer: Mutex::new(answer), knowledge: OnceLock::new() }
    }

    /// What somebody waited for already.
    pub(super) fn known(&self) -> Option<&Knowledge> {
        self.knowledge.get()
    }

    /// Waits until everything is known, or `cancelled`; then nothing is known for ever.
    pub(super) fn wait(&self, cancelled: &dyn Fn() -> bool) -> &Knowledge {
        self.knowledge.get_or_init(|| {
            let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
            loop {
                match answer.recv_timeout(PAUSE) {
                    Ok(knowledge) => return knowledge,
                    Err(RecvTimeoutError::Timeout) if !cancelled() => {}
                    Err(RecvTimeoutError::Timeout) => return Knowledge::default(),
                    Err(RecvTimeoutError::Disconnected) => return Knowledge::of(&self.places),
                }
            }
        })
    }
}
