//! Writing a cache.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufWriter};
use std::os::fd::AsFd as _;
use std::path::Path;

use lapstrake_cache::{ActionKey, Layer, Record, StepId, Store};
use lapstrake_image::{HashingWriter, Packing, pack_layer, parallel};
use lapstrake_oci::{Descriptor, Digest, MAX_LAYERS, Manifest, MediaType};
use lapstrake_rootfs::{LayerId, tar};

use crate::account::{self, ACCOUNTS_TYPE};
use crate::config::{CONFIG_TYPE, CacheConfig, CachedLayer, CachedRecord, MANIFEST_TYPE};
use crate::offer::{Details, Offer};
use crate::place::document;
use crate::rebuild::Checked;
use crate::{Error, Imports, Place, Reset, SharedAccount};

/// Layers that are usually written at the same time.
pub const WORKERS: usize = 4;

/// How layer manifests are compressed: fast, they shrink to a fifth with any level.
const MANIFEST_LEVEL: i32 = 3;

/// What a step of a build came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it is looked up by.
    pub key: ActionKey,
    /// Its result.
    pub record: Record,
    /// Whether its layer is part of an image that was built.
    pub is_result: bool,
    /// The step and its place, as every store knows them; `None` for internal work.
    pub identity: Option<(StepId, StepId)>,
}

/// Where to write a cache, and how.
pub struct Export<'a> {
    /// Where the layers are.
    pub store: &'a Store,
    /// Where those are that the build did not need.
    pub imports: &'a Imports<'a>,
    /// Where the cache is to be.
    pub place: &'a Place,
    /// Whether all steps count (`mode=max`), or only those whose layers are part of an image.
    pub all: bool,
    /// What is told of the keys of steps, as far as these are written.
    pub accounts: &'a [SharedAccount],
    /// How layers are compressed. One that only another cache has, compressed otherwise, goes on as it is.
    pub packing: Packing,
    /// Whether such a layer is compressed anew.
    pub force: bool,
    /// Layers that are written at the same time.
    pub workers: usize,
    /// Whether blobs of a folder that nothing leads to are removed in the end.
    pub reset: bool,
    /// When to give up.
    pub cancelled: &'a (dyn Fn() -> bool + Sync),
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Steps that the cache knows.
    pub steps: usize,
    /// Their layers.
    pub layers: usize,
    /// Layers whose bytes were written or sent; the others were there.
    pub written: usize,
    /// What became of old blobs.
    pub reset: Reset,
}

/// Writes a cache that knows `steps`, in the place of one of that name. A reader sees the old one
/// or the new one: blobs come first, the name last. Blobs of the old one stay unless they are to go.
///
/// # Errors
/// When a layer cannot be read or the place cannot be written; then the old cache is as it was.
pub fn export(export: &Export<'_>, steps: &[Step]) -> Result<Exported, Error> {
    let wanted = steps.iter().filter(|step| export.all || step.is_result);
    let wanted: Vec<&Step> = wanted.collect();
    let records = records(export.store, export.imports, &wanted)?;
    let ids: BTreeSet<LayerId> = records.values().map(|record| record.layer).collect();
    let ids: Vec<LayerId> = ids.into_iter().collect();
    // Two blobs for each, and the accounts.
    let limit = (MAX_LAYERS - 1) / 2;
    if ids.len() > limit {
        return Err(Error::TooMany { count: ids.len(), limit });
    }
    let temporary = export.store.temporary()?;
    let work = Work { export, temporary: temporary.path() };
    let writing = export.place.begin(export.cancelled)?;
    let layers = parallel::each(&ids, export.workers, |id| work.layer(id))?;
    let written = layers.iter().flatten().filter(|(_, is_new)| *is_new).count();
    let layers: Vec<CachedLayer> = layers.into_iter().flatten().map(|(layer, _)| layer).collect();
    let accounts = work.accounts(&records)?;
    let config = config(layers, &records, accounts);
    work.name(&config)?;
    let reset = match export.reset {
        true => export.place.reset(writing, export.cancelled)?,
        false => Reset::Unasked,
    };
    Ok(Exported { steps: wanted.len(), layers: config.layers.len(), written, reset })
}

/// What the cache is to know: each step's own key, and all others that were found to lead to the
/// same execution of it. Those spare a reader from looking into layers.
pub(crate) fn records(
    store: &Store,
    imports: &Imports<'_>,
    steps: &[&Step],
) -> Result<BTreeMap<ActionKey, Record>, Error> {
    let own: BTreeMap<ActionKey, Record> =
        steps.iter().map(|step| (step.key, step.record)).collect();
    let executions: HashSet<Record> = own.values().copied().collect();
    let mut records: BTreeMap<ActionKey, Record> =
        imports.aliases(&executions).into_iter().collect();
    records.extend(store.aliases(&executions)?);
    records.extend(own);
    records.retain(|_, record| matches!(record.layer, LayerId::Built(_)));
    Ok(records)
}

/// The document. A record whose layer is nowhere any more is left out.
fn config(
    layers: Vec<CachedLayer>,
    records: &BTreeMap<ActionKey, Record>,
    accounts: Option<Descriptor>,
) -> CacheConfig {
    let numbers: HashMap<LayerId, usize> = layers
        .iter()
        .enumerate()
        .map(|(number, layer)| (LayerId::Built(layer.content), number))
        .collect();
    let records = records.iter().filter_map(|(key, record)| {
        let layer = *numbers.get(&record.layer)?;
        Some(CachedRecord { key: key.0, layer, created: record.created })
    });
    let records = records.collect();
    CacheConfig::new(layers, records, accounts)
}

/// What all layers have in common.
struct Work<'a> {
    export: &'a Export<'a>,
    temporary: &'a Path,
}

impl Work<'_> {
    /// Sees to it that a layer is there, and whether that was to be done. `None` for one that is
    /// nowhere any more.
    fn layer(&self, id: &LayerId) -> Result<Option<(CachedLayer, bool)>, Error> {
        if (self.export.cancelled)() {
            return Err(Error::Cancelled);
        }
        if let Some(layer) = self.export.store.layer(id)? {
            return self.own(layer).map(Some);
        }
        let imports = self.export.imports;
        let Some((from, offer)) = imports.source(id) else { return Ok(None) };
        let is_other = offer.packing != self.export.packing.to_string();
        let manifest = match offer.details.clone() {
            Details::Manifest(manifest) if !self.export.force || !is_other => manifest,
            // It has to be packed anew, or its manifest comes with its files only.
            _ => {
                let layer = imports.fetch(id)?;
                return layer.map(|layer| self.own(layer)).transpose();
            }
        };
        let (Some(is_new), Some(_)) =
            (self.copied(from, &offer.blob)?, self.copied(from, &manifest)?)
        else {
            return Ok(None);
        };
        let Offer { content, diff_id, blob, packing, .. } = offer.clone();
        Ok(Some((CachedLayer { content, diff_id, packing, blob, manifest: *manifest }, is_new)))
    }

    /// A layer of the store.
    fn own(&self, layer: Layer) -> Result<(CachedLayer, bool), Error> {
        let LayerId::Built(content) = layer.id else { return Err(Error::OtherFiles) };
        let Export { store, place, packing, .. } = self.export;
        let encode = |source: Box<dyn std::error::Error + Send + Sync>| Error::Encode {
            layer: layer.id,
            source,
        };
        let manifest = layer.manifest.encode().map_err(|error| encode(error.into()))?;
        let manifest = zstd::encode_all(manifest.as_slice(), MANIFEST_LEVEL)
            .map_err(|error| encode(error.into()))?;
        let described = Descriptor::of(MediaType::Other(MANIFEST_TYPE.to_owned()), &manifest);
        if !self.is_there(&described)? {
            place.put_bytes(&described, &manifest, self.temporary)?;
        }
        let diff_id = diff_id(store, &layer)?;
        let (blob, is_new) = self.packed(layer, diff_id)?;
        let packing = packing.to_string();
        Ok((CachedLayer { content, diff_id, packing, blob, manifest: described }, is_new))
    }

    /// The blob of a layer: what an earlier packing gave if that is there, else packed now.
    fn packed(&self, layer: Layer, diff_id: Digest) -> Result<(Descriptor, bool), Error> {
        let Export { store, place, packing, .. } = self.export;
        let kind = packing.to_string();
        if let Some((digest, size)) = store.packed(&diff_id, &kind)? {
            let known = Descriptor::new(packing.media_type(), digest, size);
            if self.is_there(&known)? || place.mount(&known, store)? {
                return Ok((known, false));
            }
        }
        let file = place.scratch(self.temporary)?;
        let mut out = HashingWriter::new(BufWriter::with_capacity(1 << 20, file));
        pack_layer(layer, diff_id, *packing, &mut out)?;
        let (file, digest, size) = out.finish();
        let file = file.into_inner().map_err(|error| error.into_error());
        let file = file.map_err(Error::io("write the cache"))?;
        let blob = Descriptor::new(packing.media_type(), digest, size);
        place.put(&blob, file)?;
        store.put_packed(&diff_id, &kind, &digest, size)?;
        if let Some(repository) = place.repository() {
            store.put_place(&digest, &repository)?;
        }
        Ok((blob, true))
    }

    /// Sees to it that the accounts of these records are there.
    fn accounts(&self, records: &BTreeMap<ActionKey, Record>) -> Result<Option<Descriptor>, Error> {
        let wanted = self.export.accounts.iter();
        let wanted = wanted.filter(|account| records.contains_key(&account.key)).cloned();
        let bytes = account::encode(wanted.collect())?;
        let described = Descriptor::of(MediaType::Other(ACCOUNTS_TYPE.to_owned()), &bytes);
        if described.size > account::BLOB_LIMIT {
            return Ok(None);
        }
        if !self.is_there(&described)? {
            self.export.place.put_bytes(&described, &bytes, self.temporary)?;
        }
        Ok(Some(described))
    }

    /// Whether a blob is there, and not known to be damaged.
    fn is_there(&self, blob: &Descriptor) -> Result<bool, Error> {
        Ok(!self.export.imports.is_bad(&blob.digest) && self.export.place.has(blob)?)
    }

    /// Copies a blob that is not there from another cache, checked on the way; whether that was to
    /// be done. `None` when the other cache has it not, or not whole.
    fn copied(&self, from: &Place, blob: &Descriptor) -> Result<Option<bool>, Error> {
        let place = self.export.place;
        if self.is_there(blob)? || place.mount(blob, self.export.store)? {
            return Ok(Some(false));
        }
        let Ok(bytes) = from.blob(blob) else { return Ok(None) };
        let mut bytes = Checked::new(bytes, blob);
        let mut file = place.scratch(self.temporary)?;
        let copied = io::copy(&mut bytes, &mut file);
        if let Err(source) = copied
            && !bytes.has_failed()
        {
            return Err(Error::io("write the cache")(source));
        }
        if bytes.finish().is_err() {
            return Ok(None);
        }
        place.put(blob, file)?;
        Ok(Some(true))
    }

    /// Writes the documents.
    fn name(&self, config: &CacheConfig) -> Result<(), Error> {
        let place = self.export.place;
        let bytes = config.to_bytes()?;
        let described = Descriptor::of(MediaType::Other(CONFIG_TYPE.to_owned()), &bytes);
        if !self.is_there(&described)? {
            place.put_bytes(&described, &bytes, self.temporary)?;
        }
        let blobs = config.layers.iter().flat_map(|layer| [&layer.blob, &layer.manifest]);
        let blobs = blobs.chain(&config.accounts);
        let manifest = Manifest::new(MediaType::OciManifest, described, blobs.cloned().collect());
        let bytes = manifest.to_bytes().map_err(document("the manifest of the cache"))?;
        place.name(&bytes, self.temporary, &|| (self.export.cancelled)())
    }
}

/// As noted in the store, or computed and noted.
fn diff_id(store: &Store, layer: &Layer) -> Result<Digest, Error> {
    if let Some((digest, _)) = store.diff_id(&layer.id)? {
        return Ok(digest);
    }
    let folder = File::open(&layer.path).map_err(Error::io("open a layer of the store"))?;
    let (digest, size) =
        tar::diff_id(folder.as_fd(), &layer.manifest).map_err(|source| Error::Pack { source })?;
    store.put_diff_id(&layer.id, &digest, size)?;
    Ok(digest)
}
