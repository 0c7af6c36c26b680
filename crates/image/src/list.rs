//! `images`: what is in the store.

use std::collections::BTreeMap;

use lapstrake_oci::{Digest, Platform, Reference};
use lapstrake_rootfs::LayerId;

use crate::{Error, Images, ResolvedImage};

/// How often names and images are read that do not fit together.
const MOST_LOOKS: usize = 5;

/// An image of the store in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageSummary {
    /// Its names with a tag, sorted; none for an image whose name went to another one.
    pub names: Vec<Reference>,
    /// Its names with the digest that a registry knows it by, sorted.
    pub digests: Vec<Reference>,
    /// The image id: the digest of the config.
    pub id: Digest,
    /// Digest of the manifest.
    pub manifest: Digest,
    /// When it was made, RFC 3339, as its config spells it.
    pub created: Option<String>,
    /// What it runs on.
    pub platform: Platform,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Bytes of the files of all its layers.
    pub size: u64,
}

/// The names of one image.
#[derive(Default)]
pub(crate) struct Names {
    pub(crate) tags: Vec<Reference>,
    pub(crate) digests: Vec<Reference>,
    /// When one was set last: seconds since 1970.
    pub(crate) updated: i64,
}

impl Images<'_> {
    /// All images, the newest first, those without a name among them. The images of an index have
    /// its names, each of them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn list(&self) -> Result<Vec<ImageSummary>, Error> {
        let (mut names, images) = self.named_images()?;
        let mut summaries = Vec::new();
        for image in images {
            let Names { tags, digests, .. } = names.remove(&image.digest).unwrap_or_default();
            summaries.push(ImageSummary {
                names: tags,
                digests,
                id: image.id(),
                manifest: image.digest,
                created: image.config.created.clone(),
                platform: image.config.platform(),
                labels: image.config.config.labels.clone(),
                size: self.size(&image)?,
            });
        }
        let time = |summary: &ImageSummary| {
            summary.created.as_ref().and_then(|text| text.parse::<jiff::Timestamp>().ok())
        };
        summaries.sort_by(|a, b| time(b).cmp(&time(a)).then_with(|| a.names.cmp(&b.names)));
        Ok(summaries)
    }

    /// All names and all images. Where names move meanwhile, both are read once more, so that none leads to an image
    /// that is not among them; a name that moves all the time is not waited for.
    fn named_images(&self) -> Result<(BTreeMap<Digest, Names>, Vec<ResolvedImage>), Error> {
        let mut tags = self.store.tags()?;
        for _ in 1..MOST_LOOKS {
            let found = (self.names_by_manifest()?, self.all()?);
            let now = self.store.tags()?;
            if now == tags {
                return Ok(found);
            }
            tags = now;
        }
        Ok((self.names_by_manifest()?, self.all()?))
    }

    /// Bytes of the files of all layers; of one that is not unpacked, the size of its blob.
    pub(crate) fn size(&self, image: &ResolvedImage) -> Result<u64, Error> {
        let mut size: u64 = 0;
        for (descriptor, diff_id) in image.layers() {
            let here = self.store.layer_size(&LayerId::Image(diff_id))?;
            size = size.saturating_add(here.unwrap_or(descriptor.size));
        }
        Ok(size)
    }

    /// The names of one image.
    pub(crate) fn names(&self, manifest: &Digest) -> Result<Names, Error> {
        let mut names = self.names_by_manifest()?;
        Ok(names.remove(manifest).unwrap_or_default())
    }
}
