//! What the images of the store lead to.

use lapstrake_cache::Needed;
use lapstrake_oci::Digest;
use lapstrake_rootfs::LayerId;

use crate::remove::blobs;
use crate::{Error, Images};

impl Images<'_> {
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
