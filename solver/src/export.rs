//! The image as others know it: config, history, manifest, tags.
//!
//! Times of history entries come from the records of the steps, so an image that is built again
//! from the cache is the same image, byte for byte.

use lapstrake_cache::Store;
use lapstrake_oci::{
    self as oci, Annotated, Compression, Descriptor, Digest, History, ImageConfig, Index, Manifest,
    MediaType, Reference,
};
use lapstrake_rootfs::LayerId;
use lapstrake_transfer::Offered;
use rayon::prelude::*;
use std::time::Instant;

use crate::build::{Built, Request};
use crate::delivery::{Completed, Elsewhere};
use crate::digest::digest;
use crate::graph::VertexId;
use crate::lower::{ImagePlan, Plan};
use crate::op::{Value, Workshop};
use crate::schedule::Results;
use crate::stamp::{Clock, stamped};
use crate::{Error, Event};

/// A history entry that still lacks its time.
#[derive(Clone, Debug)]
pub struct Step {
    /// What Docker shows as the origin of the layer.
    pub created_by: String,
    /// The vertex that made the layer; `None` for steps that only change the config.
    pub vertex: Option<VertexId>,
}

/// What is known when the image is written.
fn built(id: Digest, document: Digest, epoch: Option<i64>) -> Built {
    let (steps, graph, targets) = Default::default();
    Built { id, document, epoch, steps, graph, targets }
}

/// Writes config and manifest of what the plan's images came to, an index where there is to be one,
/// and names it with the tags. New layers of an image that is to be from some time are given that.
///
/// # Errors
/// When the build was cancelled, a layer cannot be digested or the store cannot be written. Everything
/// is flushed to disk before a name is set.
pub fn export(
    plan: &Plan,
    completed: &Completed,
    workshop: &Workshop<'_>,
    request: &Request<'_>,
) -> Result<Built, Error> {
    let begin = Instant::now();
    (workshop.events)(Event::Exporting);
    if workshop.cancel.is_cancelled() {
        return Err(Error::Cancelled);
    }
    let images = plan.images.iter().map(|image| write((plan, image), request, completed, workshop));
    let images = images.collect::<Result<Vec<Written>, _>>()?;
    let epoch = plan.images.iter().find_map(|image| image.epoch);
    let (built, was_there) = match (plan.is_index, &images[..]) {
        (false, [Written { id, manifest, was_there }]) => {
            (built(*id, manifest.digest, epoch), *was_there)
        }
        _ => {
            let manifests = images.into_iter().map(|image| image.manifest).collect();
            let mut index = Index::new(MediaType::OciIndex, manifests);
            index.annotations = request.annotations.on(Annotated::Index, None);
            let (index, was_there) = put(index.to_bytes(), MediaType::OciIndex, workshop.store)?;
            (built(index.digest, index.digest, epoch), was_there)
        }
    };
    let store = workshop.store;
    let is_known = was_there && (request.tags.is_empty() || has_name(store, &built.document)?);
    (workshop.events)(Event::Written { is_new: !is_known });
    if workshop.cancel.is_cancelled() {
        return Err(Error::Cancelled);
    }
    store.sync().map_err(Error::Store)?;
    name(store, &built.document, &request.tags).map_err(Error::Store)?;
    (workshop.events)(Event::Exported { elapsed: begin.elapsed() });
    Ok(built)
}

/// An image that is in the store.
struct Written {
    id: Digest,
    /// With its platform.
    manifest: Descriptor,
    /// Whether the manifest was in the store before.
    was_there: bool,
}

fn write(
    (plan, image): (&Plan, &ImagePlan),
    request: &Request<'_>,
    completed: &Completed,
    workshop: &Workshop<'_>,
) -> Result<Written, Error> {
    let clock = Clock { epoch: image.epoch, times: request.times };
    if let Some(message) = clock.complaint() {
        (workshop.events)(Event::Warning { message });
    }
    let layers = layers(image, &completed.results);
    let described = describe(&layers, &clock, workshop, &completed.elsewhere)?;
    let mut config = config(image, &clock, &layers, &described);
    if request.inline_cache {
        tell(&mut config, &layers, plan, workshop)?;
    }
    let (config, _) = put(config.to_bytes(), MediaType::OciConfig, workshop.store)?;
    let noted = |on| request.annotations.on(on, Some(&image.platform));
    let mut manifest = manifest(image, config.clone(), &described);
    manifest.annotations = noted(Annotated::Manifest);
    let (mut manifest, was_there) =
        put(manifest.to_bytes(), MediaType::OciManifest, workshop.store)?;
    manifest.annotations = noted(Annotated::ManifestDescriptor);
    let platform = Some(image.platform.clone());
    Ok(Written { id: config.digest, manifest: Descriptor { platform, ..manifest }, was_there })
}

/// Tells in the config what the steps of its layers came to.
fn tell(
    config: &mut ImageConfig,
    added: &[Added],
    plan: &Plan,
    workshop: &Workshop<'_>,
) -> Result<(), Error> {
    let base = config.rootfs.diff_ids.len().saturating_sub(added.len());
    let failed = |source| Error::Export { what: "cache in the config", source };
    let mut told = Vec::new();
    for (position, Added { id, .. }) in (base..).zip(added) {
        let made = match workshop.layers.here(id)? {
            Some(layer) => lapstrake_transfer::made(&layer.manifest),
            None => workshop.imports.made(id).map_err(|error| failed(error.into()))?,
        };
        told.extend(made.map(|made| (position, *id, made)));
    }
    let steps = workshop.journal.steps(plan);
    let shared = (workshop.store, workshop.imports);
    lapstrake_transfer::tell(config, &steps, told.into_iter(), shared)
        .map_err(|error| failed(error.into()))
}

/// Writes a document. Whether it was there.
fn put(
    document: Result<Vec<u8>, oci::Error>,
    media_type: MediaType,
    store: &Store,
) -> Result<(Descriptor, bool), Error> {
    let what = match media_type {
        MediaType::OciConfig => "config",
        MediaType::OciManifest => "manifest",
        _ => "index",
    };
    let bytes = document.map_err(|source| Error::Export { what, source: source.into() })?;
    let document = Descriptor::of(media_type, &bytes);
    let was_there = store.has_blob(&document.digest, document.size);
    store.put_blob(&bytes).map_err(Error::Store)?;
    Ok((document, was_there))
}

/// The layers that the plan's images have beside those of their bases.
pub(crate) fn added(plan: &Plan, results: &Results<Value>) -> Vec<LayerId> {
    let images = plan.images.iter().flat_map(|image| layers(image, results));
    images.map(|layer| layer.id).collect()
}

/// A layer that the build added to its base.
struct Added {
    id: LayerId,
    /// Nanoseconds since 1970.
    created: i64,
}

fn layers(image: &ImagePlan, results: &Results<Value>) -> Vec<Added> {
    let vertices = image.steps.iter().filter_map(|step| step.vertex);
    let values = vertices.filter_map(|id| {
        let index = usize::try_from(id.0).ok()?;
        results.get(index)?.as_ref()
    });
    let added = values.filter_map(|value| match value {
        Value::Rootfs(rootfs) => {
            Some(Added { id: *rootfs.layers.last()?, created: rootfs.created.unwrap_or(0) })
        }
        Value::Tree(_) => None,
    });
    added.collect()
}

/// A layer as config and manifest speak of it.
struct Described {
    diff_id: Digest,
    /// Its tar; of a layer that is not here, the blob that is where the image goes.
    blob: Descriptor,
}

impl Described {
    fn here((diff_id, size): (Digest, u64)) -> Self {
        let plain = MediaType::OciLayer(Compression::None);
        Self { diff_id, blob: Descriptor::new(plain, diff_id, size) }
    }

    fn elsewhere(Offered { diff_id, blob, .. }: &Offered) -> Self {
        Self { diff_id: *diff_id, blob: blob.clone() }
    }
}

/// Each layer, from what is noted in the store; the others are digested at the same time.
fn describe(
    layers: &[Added],
    clock: &Clock,
    workshop: &Workshop<'_>,
    elsewhere: &Elsewhere,
) -> Result<Vec<Described>, Error> {
    let restamp = clock.restamp();
    let describe = |layer: &Added| {
        if let Some(offered) = elsewhere.get(&layer.id) {
            return Ok(Described::elsewhere(offered));
        }
        let id = match restamp {
            Some(restamp) => stamped(&layer.id, restamp, workshop)?,
            None => layer.id,
        };
        digest(&id, workshop.store, &workshop.layers, workshop.cancel).map(Described::here)
    };
    let is_noted = |layer: &Added| {
        restamp.is_none() && matches!(workshop.store.diff_id(&layer.id), Ok(Some(_)))
    };
    // Threads are not woken to look up what is noted.
    match layers.iter().filter(|layer| !is_noted(layer)).nth(1) {
        None => layers.iter().map(describe).collect(),
        Some(_) => layers.par_iter().map(describe).collect(),
    }
}

fn config(
    image: &ImagePlan,
    clock: &Clock,
    layers: &[Added],
    described: &[Described],
) -> ImageConfig {
    let mut config = image.config.clone();
    // The steps of the base are not these.
    lapstrake_transfer::untell(&mut config);
    let mut last = config.history.last().and_then(|entry| entry.created.clone());
    last = last.or_else(|| config.created.clone());
    let mut added = layers.iter();
    for step in &image.steps {
        if step.vertex.is_some() {
            last = added.next().map(|layer| clock.time(layer.created));
        } else if let Some(time) = clock.fixed() {
            last = Some(time);
        }
        config.history.push(History {
            created: last.clone(),
            created_by: step.created_by.clone(),
            comment: "lapstrake".into(),
            empty_layer: step.vertex.is_none(),
            ..History::default()
        });
    }
    config.rootfs.diff_ids.extend(described.iter().map(|layer| layer.diff_id));
    config.created = clock.fixed().or(last).or_else(|| Some(clock.time(0)));
    config
}

fn manifest(image: &ImagePlan, config: Descriptor, described: &[Described]) -> Manifest {
    let added = described.iter().map(|layer| &layer.blob);
    let mut layers: Vec<Descriptor> = image.base_layers.iter().chain(added).cloned().collect();
    for layer in &mut layers {
        // One manifest speaks one language, and ours is OCI's.
        if let MediaType::DockerLayer(compression) = &layer.media_type {
            layer.media_type = MediaType::OciLayer(*compression);
        }
    }
    Manifest::new(MediaType::OciManifest, config, layers)
}

/// Whether a name stands for the image. What a build that was killed before it gave one wrote has none.
fn has_name(store: &Store, document: &Digest) -> Result<bool, Error> {
    let tags = store.tags().map_err(Error::Store)?;
    Ok(tags.iter().any(|tag| tag.manifest == *document))
}

fn name(
    store: &Store,
    document: &Digest,
    tags: &[Reference],
) -> Result<(), lapstrake_cache::Error> {
    for tag in tags {
        store.set_tag(&tag.to_string(), document)?;
    }
    Ok(())
}
