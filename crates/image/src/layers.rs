//! Getting the layers of an image into the store, all at the same time.
//!
//! Several threads fetch, check and unpack layers into staging folders. When all are done they are
//! committed from the bottom up, because a layer may need to know what lies below it (see
//! [`crate::implied`]). Whoever needs the same layer meanwhile waits and finds it there.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use lapstrake_cache::{ActionLock, Staging};
use lapstrake_oci::{Descriptor, Digest, DigestHasher, Reference};
use lapstrake_registry::Client;
use lapstrake_rootfs::{LayerId, LayerManifest, View};

use crate::archive::Archive;
use crate::images::{LayerState, Report};
use crate::incoming::{self, Incoming, Keep, Meter};
use crate::{Error, Images, LayerFault, Progress, ResolvedImage, implied};

/// How many layers are on their way at once.
const PARALLEL: usize = 6;

/// Where bytes come from that are not in the store.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    /// Nowhere: what is needed must be there as a blob.
    Store,
    /// A repository.
    Registry {
        /// Who asks.
        client: &'a Client,
        /// In which repository.
        reference: &'a Reference,
    },
    /// An archive. When one of its layers is bad, none of them is kept.
    Archive(&'a Archive),
}

/// A layer that has to be fetched or unpacked.
struct Job<'a> {
    /// Its place in the image, from the bottom.
    position: usize,
    descriptor: &'a Descriptor,
    diff_id: Digest,
    /// Whether it is to be unpacked, or only its blob is missing.
    unpack: bool,
}

/// A layer that was checked and waits to be committed.
struct Staged {
    keep: Keep,
    layer: Option<(Staging, LayerManifest)>,
}

impl Images<'_> {
    /// Unpacks the layers of `image` that are missing, from their blobs.
    pub(crate) fn unpack_stored(&self, image: &ResolvedImage) -> Result<(), Error> {
        if self.provide(image, Source::Store, &|_| {})? {
            self.store.sync()?;
        }
        Ok(())
    }

    /// Sees to it that all layers of `image` are in the store, as directories and, when there is a
    /// source, as blobs. Returns whether anything was missing. Nothing is flushed. A layer that is
    /// bad leaves nothing.
    pub(crate) fn provide(
        &self,
        image: &ResolvedImage,
        source: Source<'_>,
        report: Report<'_>,
    ) -> Result<bool, Error> {
        if self.jobs(image, source)?.is_empty() {
            return Ok(false);
        }
        let _locks = self.lock(image, source)?;
        // Whoever had a lock before may have fetched the layer.
        let jobs = self.jobs(image, source)?;
        let total = jobs.iter().map(|job| job.descriptor.size).fold(0, u64::saturating_add);
        let meter = Meter::new(total, report);
        if !matches!(source, Source::Store) {
            report(Progress::Downloading { done: 0, total });
            let is_here =
                |layer: &&Descriptor| jobs.iter().all(|job| job.descriptor.digest != layer.digest);
            for layer in image.layers().map(|(layer, _)| layer).filter(is_here) {
                meter.layer(layer, layer.size, LayerState::Existed);
            }
        }
        let results = self.run(&jobs, source, &meter);
        self.commit(image, &jobs, results, matches!(source, Source::Archive(_)))?;
        Ok(true)
    }

    /// What is missing. Layers that occur twice are fetched once.
    fn jobs<'b>(
        &self,
        image: &'b ResolvedImage,
        source: Source<'_>,
    ) -> Result<Vec<Job<'b>>, Error> {
        let (mut unpacked, mut fetched) = (BTreeSet::new(), BTreeSet::new());
        let mut jobs = Vec::new();
        for (position, (descriptor, diff_id)) in image.layers().enumerate() {
            let located = self.store.locate(&LayerId::Image(diff_id))?;
            let unpack = located.is_none() && unpacked.insert(diff_id);
            let fetch = match source {
                Source::Store => false,
                _ => !self.can_serve(descriptor, &diff_id, located),
            };
            if unpack || (fetch && !fetched.contains(&descriptor.digest)) {
                fetched.insert(descriptor.digest);
                jobs.push(Job { position, descriptor, diff_id, unpack });
            }
        }
        Ok(jobs)
    }

    /// Whether the bytes of a layer can leave: its blob is here, or it was built here and they are
    /// its canonical tar.
    fn can_serve(&self, layer: &Descriptor, diff_id: &Digest, located: Option<LayerId>) -> bool {
        let built = matches!(located, Some(LayerId::Built(_)));
        self.store.has_blob(&layer.digest, layer.size) || (built && layer.digest == *diff_id)
    }

    /// Takes the locks of all missing layers, in one order for everybody.
    fn lock(&self, image: &ResolvedImage, source: Source<'_>) -> Result<Vec<ActionLock>, Error> {
        let jobs = self.jobs(image, source)?;
        let ids: BTreeSet<LayerId> = jobs.iter().map(|job| LayerId::Image(job.diff_id)).collect();
        let locks = ids.iter().map(|id| Ok(self.store.lock_layer(id, &|| false)?));
        locks.collect()
    }

    /// Does all jobs, in order, several at a time. After a failure the others are stopped.
    fn run(
        &self,
        jobs: &[Job<'_>],
        source: Source<'_>,
        meter: &Meter<'_>,
    ) -> Vec<Option<Result<Staged, LayerFault>>> {
        let results = Mutex::new(jobs.iter().map(|_| None).collect::<Vec<_>>());
        let next = AtomicUsize::new(0);
        let work = || {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(job) = jobs.get(index).filter(|_| !meter.is_stopped()) else { return };
                let result = self.fetch(job, source, meter);
                let is_failed = result.is_err();
                let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(slot) = results.get_mut(index) {
                    *slot = Some(result);
                }
                if is_failed {
                    meter.stop();
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..jobs.len().min(PARALLEL) {
                scope.spawn(work);
            }
            work();
        });
        results.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn fetch(
        &self,
        job: &Job<'_>,
        source: Source<'_>,
        meter: &Meter<'_>,
    ) -> Result<Staged, LayerFault> {
        meter.layer(job.descriptor, 0, LayerState::Moving);
        let (reader, keep) = self.open(job.descriptor, source)?;
        let incoming = Incoming::new(reader, keep, job.descriptor, meter);
        let staged = match job.unpack {
            false => Staged { keep: incoming.finish()?, layer: None },
            true => {
                let staging = self.store.stage_layer().map_err(LayerFault::Store)?;
                let (manifest, keep) = incoming::unpack(incoming, &staging, &job.diff_id)?;
                Staged { keep, layer: Some((staging, manifest)) }
            }
        };
        meter.layer(job.descriptor, job.descriptor.size, LayerState::Arrived);
        Ok(staged)
    }

    fn open<'b>(
        &self,
        descriptor: &Descriptor,
        source: Source<'b>,
    ) -> Result<(Box<dyn Read + Send + 'b>, Keep), LayerFault> {
        if self.store.has_blob(&descriptor.digest, descriptor.size)
            && let Some(file) =
                self.store.open_blob(&descriptor.digest).map_err(LayerFault::Store)?
        {
            return Ok((Box::new(file), Keep::Stored(DigestHasher::new())));
        }
        match source {
            Source::Store => Err(LayerFault::Missing),
            Source::Registry { client, reference } => {
                let blob = client.blob(reference, descriptor);
                let blob = blob.map_err(|error| LayerFault::Registry(Box::new(error)))?;
                let writer = self.store.blob_writer().map_err(LayerFault::Store)?;
                Ok((Box::new(blob), Keep::Write(writer)))
            }
            Source::Archive(archive) => archive.open_layer(self.store, descriptor),
        }
    }

    /// Commits what was fetched, from the bottom up to the first layer that failed; nothing when
    /// one failed and `all_or_nothing`.
    fn commit(
        &self,
        image: &ResolvedImage,
        jobs: &[Job<'_>],
        results: Vec<Option<Result<Staged, LayerFault>>>,
        all_or_nothing: bool,
    ) -> Result<(), Error> {
        let mut failure: Option<Error> = None;
        let mut staged = Vec::new();
        for (job, result) in jobs.iter().zip(results) {
            match result {
                Some(Ok(layer)) if failure.is_none() => staged.push((job, layer)),
                Some(Err(LayerFault::Stopped)) | None => {
                    failure.get_or_insert(LayerFault::Stopped.of(job.descriptor.digest));
                }
                Some(Err(fault)) => replace_stopped(&mut failure, fault.of(job.descriptor.digest)),
                Some(Ok(_)) => {}
            }
        }
        if failure.is_none() || !all_or_nothing {
            let mut below = Below { image, manifests: Vec::new() };
            for (job, layer) in staged {
                self.commit_one(job, layer, &mut below)?;
            }
        }
        failure.map_or(Ok(()), Err)
    }

    fn commit_one(
        &self,
        job: &Job<'_>,
        staged: Staged,
        below: &mut Below<'_>,
    ) -> Result<(), Error> {
        let digest = job.descriptor.digest;
        staged.keep.commit(self.store, job.descriptor)?;
        let Some((staging, manifest)) = staged.layer else {
            return Ok(());
        };
        let lower = below.view(self, job.position)?;
        let blob = || self.store.open_blob(&digest).map_err(LayerFault::Store);
        let manifest =
            implied::inherit(&staging, manifest, &lower, blob).map_err(|fault| fault.of(digest))?;
        self.store.commit_layer(staging, LayerId::Image(job.diff_id), manifest)?;
        Ok(())
    }
}

/// The first true failure counts, not what was stopped because of it.
fn replace_stopped(failure: &mut Option<Error>, error: Error) {
    let counts = match failure {
        Some(Error::Layer { source, .. }) => !matches!(**source, LayerFault::Stopped),
        Some(_) => true,
        None => false,
    };
    if !counts {
        *failure = Some(error);
    }
}

/// The manifests of the layers that lie below one, read when they are needed.
struct Below<'a> {
    image: &'a ResolvedImage,
    manifests: Vec<Arc<LayerManifest>>,
}

impl Below<'_> {
    /// What the layers below `position`, which are all here, show together.
    fn view(&mut self, images: &Images<'_>, position: usize) -> Result<View, Error> {
        let known = self.manifests.len();
        let missing = self.image.layers().take(position).skip(known);
        for (descriptor, diff_id) in missing {
            let layer = images.store.layer(&LayerId::Image(diff_id))?;
            let layer = layer.ok_or_else(|| LayerFault::Missing.of(descriptor.digest))?;
            self.manifests.push(layer.manifest);
        }
        Ok(View::new(self.manifests.iter().take(position).cloned().collect()))
    }
}
