//! From a name to an image in the store, pulled when it is not there.

use lapstrake_oci::{Digest, Document, ImageConfig, Platform, Reference};
use lapstrake_registry::Selected;
use lapstrake_rootfs::LayerId;

use crate::images::Report;
use crate::layers::Source;
use crate::stored::check_kind;
use crate::{Error, Images, Progress, ResolvedImage};

/// Where an image is that a name stands for.
#[derive(Clone, Debug)]
pub enum Located {
    /// In the store, with its layers.
    Here(Box<ResolvedImage>),
    /// In a registry.
    There(Box<Remote>),
}

/// An image of a registry whose documents are known. Nothing of it is in the store yet.
#[derive(Clone, Debug)]
pub struct Remote {
    /// The image.
    pub image: ResolvedImage,
    /// What was asked for.
    reference: Reference,
    /// The digest that the name stands for: of the manifest, or of an index.
    digest: Digest,
    /// Config, manifest and perhaps index, as they came.
    documents: Vec<Vec<u8>>,
}

/// An image that was pulled.
#[derive(Clone, Debug)]
pub struct Pulled {
    /// The image.
    pub image: ResolvedImage,
    /// The digest that the name stands for in the registry: of the manifest, or of an index.
    pub digest: Digest,
    /// Whether the name stood for something else before, or layers were missing.
    pub updated: bool,
}

impl Images<'_> {
    /// The image that `reference` stands for on `platform`, with its layers in the store.
    ///
    /// A tag that is in the store is used without asking the network unless `pull`; a digest whose
    /// documents are in the store always is. An image that stands in no index is taken whatever its
    /// platform is. All else is pulled.
    ///
    /// # Errors
    /// As [`Images::pull`].
    pub fn resolve(
        &self,
        reference: &Reference,
        platform: &Platform,
        pull: bool,
        report: Report<'_>,
    ) -> Result<ResolvedImage, Error> {
        let _lease = self.store.lease()?;
        match self.locate(reference, platform, pull, report)? {
            Located::Here(image) => Ok(*image),
            Located::There(remote) => Ok(self.take(&remote, report)?.image),
        }
    }

    /// The image that [`Images::resolve`] would give, which stays in its registry if it is not in the
    /// store: [`Images::take`] brings it here.
    ///
    /// # Errors
    /// When there is no such image, none for the platform, or it cannot be had.
    pub fn locate(
        &self,
        reference: &Reference,
        platform: &Platform,
        pull: bool,
        report: Report<'_>,
    ) -> Result<Located, Error> {
        let _lease = self.store.lease()?;
        if let Some(image) = self.local(reference, platform, pull)?
            && self.has_layers(&image)?
        {
            self.unpack_stored(&image)?;
            report(Progress::Ready { digest: image.digest });
            return Ok(Located::Here(Box::new(image)));
        }
        Ok(Located::There(Box::new(self.look(reference, platform, report)?)))
    }

    /// Manifest and config of the image that [`Images::resolve`] would give, without its layers. Nothing
    /// is put into the store.
    ///
    /// # Errors
    /// When there is no such image, none for the platform, or it cannot be had.
    pub fn describe(
        &self,
        reference: &Reference,
        platform: &Platform,
        pull: bool,
        report: Report<'_>,
    ) -> Result<ResolvedImage, Error> {
        let _lease = self.store.lease()?;
        if let Some(image) = self.local(reference, platform, pull)? {
            return Ok(image);
        }
        report(Progress::Resolving);
        let client = self.client()?;
        let selected = client.select(reference, client.resolve(reference)?, platform)?;
        let (_, image) = self.config(reference, &selected)?;
        report(Progress::Ready { digest: image.digest });
        Ok(image)
    }

    /// The tags that the registry has in the repository of `reference`, sorted.
    ///
    /// # Errors
    /// When the registry does not know the repository, or does not let us see it.
    pub fn remote_tags(&self, reference: &Reference) -> Result<Vec<String>, Error> {
        let mut tags = self.client()?.tags(reference)?;
        tags.sort_unstable();
        tags.dedup();
        Ok(tags)
    }

    /// What the store knows of a name, as far as it may be asked.
    fn local(
        &self,
        reference: &Reference,
        platform: &Platform,
        pull: bool,
    ) -> Result<Option<ResolvedImage>, Error> {
        if let Some(digest) = reference.digest() {
            return self.select_stored(&digest, platform);
        }
        if pull {
            return Ok(None);
        }
        self.through_name(&reference.to_string(), &|digest| self.select_stored(digest, platform))
    }

    /// Whether every layer is here, or can be unpacked from its blob.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn has_layers(&self, image: &ResolvedImage) -> Result<bool, Error> {
        for (descriptor, diff_id) in image.layers() {
            let is_here = self.store.locate(&LayerId::Image(diff_id))?.is_some();
            if !is_here && !self.store.has_blob(&descriptor.digest, descriptor.size) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Asks the registry what `reference` stands for on `platform` and fetches what is missing of
    /// it: all layers at the same time, checked while they stream. The tag is set last, after one
    /// flush; so is the name with the registry's digest. Idempotent. Layers that were complete when
    /// another one failed stay for the next try, without a name.
    ///
    /// # Errors
    /// When there is no such image, none for the platform, it cannot be had, or anything is not
    /// what its digest says.
    pub fn pull(
        &self,
        reference: &Reference,
        platform: &Platform,
        report: Report<'_>,
    ) -> Result<Pulled, Error> {
        let _lease = self.store.lease()?;
        let remote = self.look(reference, platform, report)?;
        self.take(&remote, report)
    }

    /// Asks the registry what `reference` stands for on `platform`.
    fn look(
        &self,
        reference: &Reference,
        platform: &Platform,
        report: Report<'_>,
    ) -> Result<Remote, Error> {
        report(Progress::Resolving);
        let client = self.client()?;
        let top = client.resolve(reference)?;
        let digest = top.digest;
        let index = matches!(top.document, Document::Index(_)).then(|| top.bytes.clone());
        let selected = client.select(reference, top, platform)?;
        let (config, image) = self.config(reference, &selected)?;
        let documents = [Some(config), Some(selected.resolved.bytes), index];
        let documents = documents.into_iter().flatten().collect();
        Ok(Remote { image, reference: reference.clone(), digest, documents })
    }

    /// Brings an image of a registry into the store, as [`Images::pull`] does.
    ///
    /// # Errors
    /// When it cannot be had, or anything is not what its digest says.
    pub fn take(&self, remote: &Remote, report: Report<'_>) -> Result<Pulled, Error> {
        let _lease = self.store.lease()?;
        let Remote { image, reference, digest, documents } = remote;
        let source = Source::Registry { client: self.client()?, reference };
        let fetched = self.provide(image, source, report)?;
        if fetched {
            self.note_place(remote)?;
        }
        for bytes in documents {
            self.store.put_blob(bytes)?;
        }
        self.store.sync()?;
        let renamed = self.name(reference, digest)?;
        report(Progress::Ready { digest: image.digest });
        Ok(Pulled { image: image.clone(), digest: *digest, updated: fetched || renamed })
    }

    /// Notes which repository has the layers of an image, so that another one of the same registry can
    /// have them mounted from there.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn note_place(&self, remote: &Remote) -> Result<(), Error> {
        for layer in &remote.image.manifest.layers {
            self.store.put_place(&layer.digest, &remote.reference.name())?;
        }
        Ok(())
    }

    /// The config of an image, from the store when it is there.
    fn config(
        &self,
        reference: &Reference,
        selected: &Selected,
    ) -> Result<(Vec<u8>, ResolvedImage), Error> {
        let what = reference.to_string();
        check_kind(&what, &selected.manifest)?;
        let limit = lapstrake_oci::MAX_DOCUMENT_SIZE as u64;
        let stored = self.store.read_blob(&selected.manifest.config.digest, limit);
        let (bytes, config) = match stored.unwrap_or_default() {
            Some(bytes) => {
                let config = ImageConfig::parse(&bytes).map_err(Error::document(&what))?;
                (bytes, config)
            }
            None => self.client()?.config(reference, &selected.manifest)?,
        };
        let manifest = selected.manifest.clone();
        let image = ResolvedImage::new(&what, selected.resolved.digest, manifest, config)?;
        Ok((bytes, image))
    }

    /// Sets the names of what was pulled: they stand for what they stand for in the registry, be it
    /// an index of which only one image is here. Returns whether the one asked for stood for
    /// something else.
    fn name(&self, reference: &Reference, digest: &Digest) -> Result<bool, Error> {
        let by_digest = reference.with_digest(*digest).to_string();
        let before = self.store.set_tag(&by_digest, digest)?;
        if reference.digest().is_some() {
            return Ok(before != Some(*digest));
        }
        let before = self.store.set_tag(&reference.to_string(), digest)?;
        Ok(before != Some(*digest))
    }
}
