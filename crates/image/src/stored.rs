//! Images that are in the store: their documents, read and checked.

use std::io::Read as _;
use std::path::PathBuf;

use lapstrake_oci::{
    Descriptor, Digest, Document, ImageConfig, MAX_DOCUMENT_SIZE, MAX_INDEX_DEPTH, Manifest,
    Platform,
};
use lapstrake_rootfs::LayerId;

use crate::{Error, Images, LayerFault};

/// An image whose manifest and config are in the store and fit each other.
#[derive(Clone, Debug)]
pub struct ResolvedImage {
    /// Digest of the manifest.
    pub digest: Digest,
    /// The manifest: descriptors of the layers as they came.
    pub manifest: Manifest,
    /// Config, history and diff ids.
    pub config: ImageConfig,
}

impl ResolvedImage {
    /// An image from its parts.
    ///
    /// # Errors
    /// When the config is none of an image or speaks of another number of layers.
    pub(crate) fn new(
        what: &str,
        digest: Digest,
        manifest: Manifest,
        config: ImageConfig,
    ) -> Result<Self, Error> {
        check_kind(what, &manifest)?;
        let (layers, diff_ids) = (manifest.layers.len(), config.rootfs.diff_ids.len());
        if layers != diff_ids {
            return Err(Error::LayerCount { what: what.to_owned(), layers, diff_ids });
        }
        Ok(Self { digest, manifest, config })
    }

    /// The image id: the digest of the config.
    pub fn id(&self) -> Digest {
        self.manifest.config.digest
    }

    /// The layers' descriptors and diff ids, bottom first.
    pub fn layers(&self) -> impl DoubleEndedIterator<Item = (&Descriptor, Digest)> {
        self.manifest.layers.iter().zip(self.config.rootfs.diff_ids.iter().copied())
    }
}

/// Refuses artifacts that are no images, and layers that cannot be had.
pub(crate) fn check_kind(what: &str, manifest: &Manifest) -> Result<(), Error> {
    if !manifest.config.media_type.is_config() {
        let kind = manifest.config.media_type.clone();
        return Err(Error::NotImage { what: what.to_owned(), kind });
    }
    for layer in &manifest.layers {
        if layer.media_type.is_foreign_layer() {
            return Err(LayerFault::Foreign.of(layer.digest));
        }
        if !layer.media_type.is_layer() {
            let media_type = layer.media_type.clone();
            return Err(LayerFault::MediaType { media_type }.of(layer.digest));
        }
    }
    Ok(())
}

impl Images<'_> {
    /// The image whose manifest is the blob `digest`; `None` when manifest or config is not here.
    /// Whether its layers are here is not looked at.
    ///
    /// # Errors
    /// When one of them is here but damaged, or is something else.
    pub fn image(&self, digest: &Digest) -> Result<Option<ResolvedImage>, Error> {
        let what = digest.to_string();
        let manifest = match self.stored_document(digest)? {
            Some(Document::Manifest(manifest)) => *manifest,
            _ => return Ok(None),
        };
        let Some(bytes) = self.small_blob(&manifest.config.digest)? else {
            return Ok(None);
        };
        let config = ImageConfig::parse(&bytes).map_err(Error::document(&what))?;
        ResolvedImage::new(&what, *digest, manifest, config).map(Some)
    }

    /// The image for `platform` that the manifest or index `digest` leads to; `None` when something
    /// on the way is not here.
    ///
    /// # Errors
    /// When an index has nothing for the platform, or a document is damaged.
    pub(crate) fn select_stored(
        &self,
        digest: &Digest,
        platform: &Platform,
    ) -> Result<Option<ResolvedImage>, Error> {
        let what = digest.to_string();
        let mut current = *digest;
        for _ in 0..=MAX_INDEX_DEPTH {
            let index = match self.stored_document(&current)? {
                None => return Ok(None),
                Some(Document::Manifest(_)) => return self.image(&current),
                Some(Document::Index(index)) => index,
            };
            current =
                index.matching(platform).first().map(|best| best.digest).ok_or_else(|| {
                    let (wanted, offered) = (Box::new(platform.clone()), index.platforms());
                    Error::NoPlatform { what: what.clone(), wanted, offered }
                })?;
        }
        Err(Error::IndexDepth { what, limit: MAX_INDEX_DEPTH })
    }

    /// The manifest or index that is the blob `digest`.
    pub(crate) fn stored_document(&self, digest: &Digest) -> Result<Option<Document>, Error> {
        let Some(bytes) = self.small_blob(digest)? else {
            return Ok(None);
        };
        Document::parse(&bytes, None).map(Some).map_err(Error::document(digest.to_string()))
    }

    fn small_blob(&self, digest: &Digest) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.store.read_blob(digest, MAX_DOCUMENT_SIZE as u64)?)
    }

    /// Every image whose manifest and config are in the store, named or not, in order of their
    /// manifests' digests. Reads every small blob that could be a manifest.
    pub(crate) fn all(&self) -> Result<Vec<ResolvedImage>, Error> {
        let mut blobs = self.store.blobs()?;
        blobs.retain(|(_, size)| *size <= MAX_DOCUMENT_SIZE as u64);
        blobs.sort_unstable();
        let mut images = Vec::new();
        for (digest, _) in blobs {
            if !self.could_be_json(&digest) {
                continue;
            }
            // Configs and indexes are none, and a damaged one is no image.
            if let Ok(Some(image)) = self.image(&digest) {
                images.push(image);
            }
        }
        Ok(images)
    }

    /// Small layers need not be read to their end.
    pub(crate) fn could_be_json(&self, digest: &Digest) -> bool {
        let mut first = [0];
        match self.store.open_blob(digest) {
            Ok(Some(mut file)) => file.read_exact(&mut first).is_ok() && first == *b"{",
            _ => false,
        }
    }

    /// The overlayfs lower directories of `image`, bottom first. Layers that are not unpacked yet
    /// are, when their blobs are here. Needs a lease of the caller's to stay true.
    ///
    /// # Errors
    /// When a layer is neither here nor can it be unpacked.
    pub fn rootfs_of(&self, image: &ResolvedImage) -> Result<Vec<PathBuf>, Error> {
        self.unpack_stored(image)?;
        let paths = image.layers().map(|(descriptor, diff_id)| {
            let here = self.store.locate(&LayerId::Image(diff_id))?;
            let here = here.ok_or_else(|| LayerFault::Missing.of(descriptor.digest))?;
            Ok(self.store.layer_path(&here))
        });
        paths.collect()
    }
}
