//! Single images of OCI image layouts, as named contexts use them.

use std::path::Path;

use lapstrake_oci::{Digest, Platform};

use crate::archive::Archive;
use crate::images::Report;
use crate::layers::Source;
use crate::{Error, Images, Progress, ResolvedImage};

/// Which image of a layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The one that there is; of several, the one with the tag `latest`.
    Only,
    /// By the annotation `org.opencontainers.image.ref.name` of its entry.
    Tag(String),
    /// By the digest of its manifest or index, which need not be in `index.json`.
    Digest(Digest),
}

impl Images<'_> {
    /// The image for `platform` that `choice` picks of the layout in the folder `layout`, with its
    /// layers in the store. Of an index, only what belongs to the platform is read; one manifest
    /// is taken whatever its platform is. Nothing is named. No link in the folder is followed.
    ///
    /// # Errors
    /// When it is no layout, has no such image or none for the platform, or anything in it is not
    /// what its digest or diff id says.
    pub fn layout(
        &self,
        layout: &Path,
        choice: &Choice,
        platform: &Platform,
        report: Report<'_>,
    ) -> Result<ResolvedImage, Error> {
        let _lease = self.store.lease()?;
        report(Progress::Resolving);
        let archive = Archive::from_directory(layout)?;
        let offered = archive.image(choice, platform)?;
        let image = offered.resolve()?;
        self.provide(&image, Source::Archive(&archive), report)?;
        self.store.put_blob(&offered.config_bytes)?;
        self.store.put_blob(&offered.manifest_bytes)?;
        report(Progress::Ready { digest: image.digest });
        Ok(image)
    }
}
