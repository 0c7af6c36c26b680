//! A cache in an image: what its own steps came to, told in its config.
//!
//! The layers are those of the image, so nothing has to be stored beside it, and there is nothing
//! about steps of other stages. A tar keeps whole seconds; what else tells times that a build made up
//! from others is told by the paths that have such.

use std::collections::{BTreeMap, BTreeSet};

use lapstrake_cache::{ActionKey, Record, Store};
use lapstrake_oci::ImageConfig;
use lapstrake_rootfs::{ContentHash, LayerId, LayerManifest, TreePath};
use serde::{Deserialize, Serialize};

use crate::config::{CachedRecord, VERSION, as_text, from_text};
use crate::export::records;
use crate::{Error, Imports, Step};

/// The field of the image config.
const FIELD: &str = "vnd.lapstrake.cache.v1";

/// A layer with more times that were made up is not offered.
const MADE: usize = 4096;

/// What stands in the field.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct InlineCache {
    version: u32,
    pub(crate) layers: Vec<InlineLayer>,
    pub(crate) records: Vec<CachedRecord>,
}

/// A layer of the image.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct InlineLayer {
    /// Its place among all layers of the image, from the bottom.
    pub(crate) position: usize,
    /// What it is known by in the store.
    #[serde(serialize_with = "as_text", deserialize_with = "from_text")]
    pub(crate) content: ContentHash,
    /// What has a time that the build made up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) made: Vec<String>,
}

/// Tells in `config` what `steps` came to. `layers` are those that the build added, each with its
/// place in the image and its [`made`] paths. A step whose layer is not among them is left out.
///
/// # Errors
/// When the store cannot be read.
pub fn tell(
    config: &mut ImageConfig,
    steps: &[Step],
    layers: impl Iterator<Item = (usize, LayerId, Vec<String>)>,
    (store, imports): (&Store, &Imports<'_>),
) -> Result<(), Error> {
    let wanted: Vec<&Step> = steps.iter().filter(|step| step.is_result).collect();
    let records = records(store, imports, &wanted)?;
    let (mut numbers, mut told) = (BTreeMap::new(), Vec::new());
    for (position, id, made) in layers {
        let LayerId::Built(content) = id else { continue };
        let is_wanted = records.values().any(|record| record.layer == id);
        if is_wanted && !numbers.contains_key(&id) {
            numbers.insert(id, told.len());
            told.push(InlineLayer { position, content, made });
        }
    }
    let records = records.iter().filter_map(|(key, record)| {
        let layer = *numbers.get(&record.layer)?;
        Some(CachedRecord { key: key.0, layer, created: record.created })
    });
    let cache = InlineCache { version: VERSION, layers: told, records: records.collect() };
    let value = serde_json::to_value(cache).map_err(|source| Error::Config { source })?;
    config.extra.insert(FIELD.to_owned(), value);
    Ok(())
}

/// Takes what an image says of its own steps out of the config of an image that is made from it.
pub fn untell(config: &mut ImageConfig) {
    config.extra.remove(FIELD);
}

/// What an image says of its steps; `None` when it says nothing.
pub(crate) fn told(config: &ImageConfig) -> Result<Option<InlineCache>, Error> {
    let Some(value) = config.extra.get(FIELD) else { return Ok(None) };
    let cache: InlineCache =
        serde_json::from_value(value.clone()).map_err(|source| Error::Config { source })?;
    if cache.version != VERSION {
        return Err(Error::Version { found: cache.version });
    }
    let all = config.rootfs.diff_ids.len();
    let fits = cache.layers.iter().all(|layer| layer.position < all)
        && cache.records.iter().all(|record| record.layer < cache.layers.len());
    if fits { Ok(Some(cache)) } else { Err(Error::NoSuchLayer) }
}

impl InlineCache {
    /// Every record as the store has them.
    pub(crate) fn records(&self) -> impl Iterator<Item = (ActionKey, Record)> {
        self.records.iter().filter_map(|record| {
            let layer = LayerId::Built(self.layers.get(record.layer)?.content);
            Some((ActionKey(record.key), Record { layer, created: record.created }))
        })
    }
}

/// The paths with times that the build made up; `None` when they are too many or no text: then the layer
/// is not told of.
pub fn made(manifest: &LayerManifest) -> Option<Vec<String>> {
    let made = manifest.entries().iter().filter(|entry| entry.mtime.is_made());
    let made: Option<Vec<String>> =
        made.map(|entry| String::from_utf8(entry.path.as_bytes().to_vec()).ok()).collect();
    made.filter(|made| made.len() <= MADE)
}

/// The manifest of a layer whose tar holds `found`, with the times of `made` paths as they were.
pub(crate) fn with_made(found: &LayerManifest, made: &BTreeSet<TreePath>) -> LayerManifest {
    let entries = found.entries().iter().map(|entry| {
        let mut entry = entry.clone();
        entry.mtime = match made.contains(&entry.path) {
            true => lapstrake_rootfs::Timestamp::made(entry.mtime.seconds),
            false => lapstrake_rootfs::Timestamp { nanoseconds: 0, ..entry.mtime },
        };
        entry
    });
    LayerManifest::new(entries.collect())
}
