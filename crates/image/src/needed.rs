//! What the images of the store lead to.

use std::collections::BTreeMap;

use lapstrake_cache::Needed;
use lapstrake_oci::Digest;
use lapstrake_rootfs::LayerId;

use crate::list::Names;
use crate::remove::blobs;
use crate::{Error, Images, ResolvedImage};

/// An image, and what it holds in the store.
#[derive(Clone, Debug)]
pub struct Holder {
    /// The image id.
    pub id: Digest,
    /// Its names as a user writes them, sorted; none for an image whose name went to another one.
    pub names: Vec<String>,
    /// What it leads to. Layers are called as the image calls them.
    pub needed: Needed,
}

impl Images<'_> {
    /// Every image of the store with what it holds; an index goes with each of its images.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn holders(&self) -> Result<Vec<Holder>, Error> {
        let mut names = self.names_by_manifest()?;
        let mut indexes: BTreeMap<Digest, Vec<Digest>> = BTreeMap::new();
        for tag in self.store.tags()? {
            let root = self.root(&tag.manifest)?;
            for image in root.images {
                indexes.entry(image.digest).or_default().extend(&root.indexes);
            }
        }
        let holder = |image: ResolvedImage| {
            let Names { tags, digests, .. } = names.remove(&image.digest).unwrap_or_default();
            let named = if tags.is_empty() { digests } else { tags };
            let mut needed = Needed::default();
            needed.blobs.extend(blobs(&image));
            needed.blobs.extend(indexes.remove(&image.digest).unwrap_or_default());
            needed.layers.extend(image.config.rootfs.diff_ids.iter().copied().map(LayerId::Image));
            let names = named.iter().map(lapstrake_oci::Reference::familiar).collect();
            Holder { id: image.id(), names, needed }
        };
        Ok(self.all()?.into_iter().map(holder).collect())
    }

    /// What all images need, those without a name too, and the indexes that names stand for.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn needed(&self) -> Result<Needed, Error> {
        self.needed_by(|_| true)
    }

    /// What images with a name need, and the indexes that names stand for.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn needed_by_names(&self) -> Result<Needed, Error> {
        let names = self.names_by_manifest()?;
        self.needed_by(|manifest| names.contains_key(manifest))
    }

    fn needed_by(&self, is_meant: impl Fn(&Digest) -> bool) -> Result<Needed, Error> {
        let mut needed = Needed::default();
        let images = self.all()?;
        for image in images.iter().filter(|image| is_meant(&image.digest)) {
            needed.blobs.extend(blobs(image));
            needed.layers.extend(image.config.rootfs.diff_ids.iter().copied().map(LayerId::Image));
        }
        for tag in self.store.tags()? {
            needed.blobs.extend(self.root(&tag.manifest)?.indexes);
        }
        Ok(needed)
    }
}
