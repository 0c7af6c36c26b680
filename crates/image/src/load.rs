//! `load`: images from archives.

use std::io::Read;
use std::path::Path;

use lapstrake_oci::{Digest, Platform};

use crate::archive::{Archive, Offered};
use crate::images::Report;
use crate::layers::Source;
use crate::{Error, Images, Progress, ResolvedImage};

/// Where an archive is.
pub enum Input<'a> {
    /// A docker archive or an OCI layout as a tar: plain, gzip, zstd, bzip2 or xz.
    Stream(Box<dyn Read + Send + 'a>),
    /// An OCI layout as a directory. No link in it is followed.
    Directory(&'a Path),
}

/// An image that was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The full names it got; none when the archive does not name it.
    pub names: Vec<String>,
    /// The image id: the digest of the config.
    pub id: Digest,
    /// Digest of the manifest.
    pub manifest: Digest,
}

impl Images<'_> {
    /// Takes all images of an archive into the store. Of several with one name, that for
    /// `platform`. Idempotent; names are set last, after everything was checked and flushed.
    ///
    /// # Errors
    /// When the archive is none, cut off, or holds anything else than its digests and diff ids say.
    /// No name is set then, and nothing of the image at fault stays.
    pub fn load(
        &self,
        input: Input<'_>,
        platform: &Platform,
        report: Report<'_>,
    ) -> Result<Vec<Loaded>, Error> {
        let _lease = self.store.lease()?;
        let archive = match input {
            Input::Stream(reader) => Archive::from_reader(self.store, reader)?,
            Input::Directory(path) => Archive::from_directory(path)?,
        };
        let offered = archive.images(platform)?;
        let images: Vec<ResolvedImage> =
            offered.iter().map(Offered::resolve).collect::<Result<_, _>>()?;
        for image in &images {
            self.provide(image, Source::Archive(&archive), report)?;
        }
        for image in &offered {
            self.store.put_blob(&image.config_bytes)?;
            self.store.put_blob(&image.manifest_bytes)?;
        }
        self.store.sync()?;
        let mut loaded = Vec::new();
        for (offered, image) in offered.into_iter().zip(images) {
            for name in &offered.names {
                self.store.set_tag(name, &image.digest)?;
            }
            report(Progress::Ready { digest: image.digest });
            let (id, manifest) = (image.id(), image.digest);
            loaded.push(Loaded { names: offered.names, id, manifest });
        }
        Ok(loaded)
    }
}
