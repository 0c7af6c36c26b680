//! What the images of the store lead to.

use lapstrake_cache::Needed;
use lapstrake_rootfs::LayerId;

use crate::remove::blobs;
use crate::{Error, Images};

impl Images<'_> {
    /// What all images need, those without a name too, and the indexes that names stand for.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn needed(&self) -> Result<Needed, Error> {
        let mut needed = Needed::default();
        for image in self.all()? {
            needed.blobs.extend(blobs(&image));
            needed.layers.extend(image.config.rootfs.diff_ids.iter().copied().map(LayerId::Image));
        }
        for tag in self.store.tags()? {
            needed.blobs.extend(self.root(&tag.manifest)?.indexes);
        }
        Ok(needed)
    }
}
