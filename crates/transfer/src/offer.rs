//! What a cache offers: the layers that it says it has.

use std::collections::BTreeSet;

use lapstrake_cache::{ActionKey, Record};
use lapstrake_image::Packing;
use lapstrake_oci::{Compression, Descriptor, Digest, ImageConfig, Manifest};
use lapstrake_rootfs::{ContentHash, TreePath};

use crate::config::{CONFIG_TYPE, CacheConfig, CachedLayer};
use crate::{Error, Place, inline};

/// The largest config of a cache, in bytes: that of some hundred thousand records.
const CONFIG_LIMIT: u64 = 64 << 20;

/// A layer that a cache has.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    /// What it is known by in the store.
    pub(crate) content: ContentHash,
    /// Digest of its tar.
    pub(crate) diff_id: Digest,
    /// The tar, perhaps compressed.
    pub(crate) blob: Descriptor,
    /// How the blob was made of the tar, as [`Packing`] writes it.
    pub(crate) packing: String,
    /// What else is needed to have the layer again.
    pub(crate) details: Details,
}

/// See [`Offer`].
#[derive(Clone, Debug)]
pub(crate) enum Details {
    /// Its manifest is a blob.
    Manifest(Box<Descriptor>),
    /// What has times that a build made up.
    Made(BTreeSet<TreePath>),
}

impl Offer {
    /// The blobs that it is made of.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = Digest> {
        let manifest = match &self.details {
            Details::Manifest(manifest) => Some(manifest.digest),
            Details::Made(_) => None,
        };
        std::iter::once(self.blob.digest).chain(manifest)
    }
}

/// All that a cache knows.
pub(crate) struct Catalogue {
    pub(crate) records: Vec<(ActionKey, Record)>,
    pub(crate) layers: Vec<Offer>,
    /// What the keys were made of.
    pub(crate) accounts: Option<Descriptor>,
}

impl Catalogue {
    /// Reads what the cache at `place` with this manifest knows.
    pub(crate) fn read(place: &Place, manifest: &Manifest) -> Result<Self, Error> {
        let kind = &manifest.config.media_type;
        let bytes = match kind.is_config() || kind.as_str() == CONFIG_TYPE {
            true => place.small(&manifest.config, CONFIG_LIMIT)?,
            false => {
                let found = format!("has a config of type {kind}");
                return Err(Error::NoCache { place: place.to_string(), found });
            }
        };
        match kind.is_config() {
            true => Self::of_image(place, manifest, &bytes),
            false => Ok(Self::of_config(CacheConfig::parse(&bytes)?)),
        }
    }

    fn of_config(config: CacheConfig) -> Self {
        let records = config.records().collect();
        let offer = |layer: CachedLayer| Offer {
            content: layer.content,
            diff_id: layer.diff_id,
            blob: layer.blob,
            packing: layer.packing,
            details: Details::Manifest(Box::new(layer.manifest)),
        };
        let layers = config.layers.into_iter().map(offer).collect();
        Self { records, layers, accounts: config.accounts }
    }

    fn of_image(place: &Place, manifest: &Manifest, config: &[u8]) -> Result<Self, Error> {
        let config = ImageConfig::parse(config)
            .map_err(|source| Error::Document { what: "the config of the image".into(), source })?;
        let Some(cache) = inline::told(&config)? else {
            let found = "is an image that was built without --cache-to type=inline".to_owned();
            return Err(Error::NoCache { place: place.to_string(), found });
        };
        let records = cache.records().collect();
        let layers = cache.layers.into_iter().filter_map(|layer| {
            let blob = manifest.layers.get(layer.position)?.clone();
            let made = layer.made.iter().map(|path| TreePath::clean(path.as_bytes()));
            Some(Offer {
                content: layer.content,
                diff_id: *config.rootfs.diff_ids.get(layer.position)?,
                packing: usual(blob.media_type.compression()?),
                blob,
                details: Details::Made(made.collect()),
            })
        });
        Ok(Self { records, layers: layers.collect(), accounts: None })
    }
}

/// How layers of images are mostly packed. Only a hint: a registry is asked before it counts.
fn usual(compression: Compression) -> String {
    Packing::usual(compression).to_string()
}
