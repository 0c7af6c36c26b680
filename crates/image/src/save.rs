//! `save`: images as archives.
//!
//! Both formats hold an OCI image layout; a docker archive has `manifest.json` and `repositories`
//! beside it, as Docker writes it since version 25. The order of the files is that of the images
//! and their layers, and times are 0, so the same images give the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use lapstrake_oci::{Descriptor, Digest, Document, Index, MAX_DOCUMENT_SIZE, MediaType, Reference};
use serde::Serialize;

use crate::outgoing::ArchiveWriter;
use crate::root::Root;
use crate::{Error, Images, ResolvedImage};

/// How an archive is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// An OCI image layout in a tar.
    Oci,
    /// The same with the files that `docker load` of any age needs.
    Docker,
}

/// Something that goes into an archive under a name: an image, or an index of images.
struct Export {
    /// Its entry in `index.json`, without a name.
    entry: Descriptor,
    /// The indexes, with their bytes.
    indexes: Vec<(Descriptor, Vec<u8>)>,
    images: Vec<ResolvedImage>,
    /// Its names, which need not be known to the store.
    names: Vec<Reference>,
}

/// An item of `manifest.json`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

impl Images<'_> {
    /// Writes the images that `names` stand for (as in [`Images::find`]) as one archive to `out`; of
    /// an index, all that are here. Layers that several of them have are written once. An image that
    /// is given by its id has no name there.
    ///
    /// # Errors
    /// When one is not here, something of it is missing or damaged, or `out` fails: what was
    /// written until then is no archive. [`Error::SeveralPlatforms`] for a docker archive.
    pub fn save(&self, names: &[String], format: Format, out: &mut dyn Write) -> Result<(), Error> {
        let _lease = self.store.lease()?;
        let mut exports: Vec<Export> = Vec::new();
        for name in names {
            let found = self.look_up(name)?;
            let tag = Reference::parse(name).ok().filter(|name| name.digest().is_none());
            let tag = tag.filter(|_| found.is_name);
            let export = self.outgoing(&found.root, tag.into_iter().collect())?;
            match exports.iter_mut().find(|known| known.entry.digest == export.entry.digest) {
                Some(known) => known.names.extend(export.names),
                None => exports.push(export),
            }
        }
        self.export(&exports, format, out)
    }

    /// Writes the image with this manifest, or the images of this index, to `out`, called `names`.
    ///
    /// # Errors
    /// As [`Images::save`].
    pub fn save_image(
        &self,
        document: &Digest,
        names: &[Reference],
        format: Format,
        out: &mut dyn Write,
    ) -> Result<(), Error> {
        let _lease = self.store.lease()?;
        self.export(&[self.outgoing(document, names.to_vec())?], format, out)
    }

    /// An image or index with all that belongs to it. An index of which something is missing goes
    /// as another one without that; with a single image left, as that image.
    fn outgoing(&self, document: &Digest, names: Vec<Reference>) -> Result<Export, Error> {
        let Root { indexes, images, is_whole } = self.root(document)?;
        let mut described = Vec::new();
        for image in &images {
            let mut entry = self.descriptor(&image.digest)?.0;
            entry.platform = Some(image.config.platform());
            described.push(entry);
        }
        if described.is_empty() {
            return Err(Error::NoSuchImage { name: document.to_string() });
        }
        let indexes = match &described[..] {
            [_] if !is_whole => Vec::new(),
            _ if is_whole => {
                indexes.iter().map(|index| self.descriptor(index)).collect::<Result<_, _>>()?
            }
            _ => {
                let index = Index::new(MediaType::OciIndex, described.clone());
                let bytes = index.to_bytes().map_err(Error::document("an index"))?;
                vec![(Descriptor::of(MediaType::OciIndex, &bytes), bytes)]
            }
        };
        let entry = indexes.first().map(|(entry, _)| entry).or(described.first()).cloned();
        let entry = entry.ok_or_else(|| Error::NoSuchImage { name: document.to_string() })?;
        Ok(Export { entry, indexes, images, names })
    }

    /// The descriptor of a manifest or index of the store; of a manifest with its platform.
    ///
    /// # Errors
    /// When it is not here, or damaged.
    pub fn describe_stored(&self, digest: &Digest) -> Result<Descriptor, Error> {
        let platform = match self.image(digest) {
            Ok(image) => image.map(|image| image.config.platform()),
            Err(Error::NotImage { .. } | Error::Document { .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(Descriptor { platform, ..self.descriptor(digest)?.0 })
    }

    /// A manifest or index of the store.
    pub(crate) fn descriptor(&self, digest: &Digest) -> Result<(Descriptor, Vec<u8>), Error> {
        let missing = || Error::BlobMissing { digest: *digest };
        let bytes = self.store.read_blob(digest, MAX_DOCUMENT_SIZE as u64)?.ok_or_else(missing)?;
        let document =
            Document::parse(&bytes, None).map_err(Error::document(digest.to_string()))?;
        Ok((Descriptor::of(document.media_type(), &bytes), bytes))
    }

    /// Writes these as one archive to `out`.
    fn export(&self, exports: &[Export], format: Format, out: &mut dyn Write) -> Result<(), Error> {
        if format == Format::Docker {
            exports.iter().try_for_each(Export::check_single)?;
        }
        let mut archive = ArchiveWriter::new(out);
        archive.bytes("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        let entries = exports.iter().flat_map(Export::entries).collect();
        let index = Index::new(MediaType::OciIndex, entries);
        let index = index.to_bytes().map_err(Error::document("index.json"))?;
        archive.bytes("index.json", &index)?;
        if format == Format::Docker {
            archive.bytes("manifest.json", &json("manifest.json", &items(exports))?)?;
            archive.bytes("repositories", &json("repositories", &repositories(exports))?)?;
        }
        self.write_blobs(exports, &mut archive)?;
        archive.finish()
    }

    /// All blobs, each once: indexes, then manifest, config and layers of one image after the
    /// other.
    fn write_blobs(
        &self,
        exports: &[Export],
        archive: &mut ArchiveWriter<'_>,
    ) -> Result<(), Error> {
        let mut written = BTreeSet::new();
        for Export { indexes, images, .. } in exports {
            for (index, bytes) in indexes {
                if written.insert(index.digest) {
                    archive.bytes(&blob_name(&index.digest), bytes)?;
                }
            }
            for image in images {
                let manifest = self.descriptor(&image.digest)?.0;
                let blobs = [&manifest, &image.manifest.config].into_iter();
                for blob in blobs.chain(&image.manifest.layers) {
                    if written.insert(blob.digest) {
                        let copy = |out: &mut dyn Write| self.copy_blob(blob, out);
                        archive.file(&blob_name(&blob.digest), blob.size, copy)?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Export {
    /// A docker archive has one image for each name.
    fn check_single(&self) -> Result<(), Error> {
        match &self.images[..] {
            [_] => Ok(()),
            images => Err(Error::SeveralPlatforms {
                name: self
                    .names
                    .first()
                    .map_or_else(|| self.entry.digest.to_string(), |name| name.familiar()),
                platforms: images.iter().map(|image| image.config.platform()).collect(),
            }),
        }
    }

    /// One entry for each name; one for what has none.
    fn entries(&self) -> Vec<Descriptor> {
        let named = self.names.iter().map(|name| {
            let tag = name.tag().unwrap_or("latest").to_owned();
            let mut entry = self.entry.clone();
            entry.annotations = BTreeMap::from([
                ("io.containerd.image.name".to_owned(), name.to_string()),
                ("org.opencontainers.image.ref.name".to_owned(), tag),
            ]);
            entry
        });
        match self.names.is_empty() {
            true => vec![self.entry.clone()],
            false => named.collect(),
        }
    }
}

fn items(exports: &[Export]) -> Vec<Item> {
    let item = |(image, names): (&ResolvedImage, &[Reference])| Item {
        config: blob_name(&image.id()),
        repo_tags: names.iter().map(Reference::familiar).collect(),
        layers: image.manifest.layers.iter().map(|layer| blob_name(&layer.digest)).collect(),
    };
    named_images(exports).map(item).collect()
}

/// Repository → tag → id of the uppermost layer: what Docker before version 1.10 looks at.
fn repositories(exports: &[Export]) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut repositories: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (image, names) in named_images(exports) {
        let top = image.manifest.layers.last().map(|layer| layer.digest.hex());
        for name in names {
            let tags = repositories.entry(name.familiar_name()).or_default();
            let tag = name.tag().unwrap_or("latest").to_owned();
            tags.insert(tag, top.clone().unwrap_or_default());
        }
    }
    repositories
}

fn named_images(exports: &[Export]) -> impl Iterator<Item = (&ResolvedImage, &[Reference])> {
    exports.iter().flat_map(|Export { images, names, .. }| {
        images.iter().map(|image| (image, names.as_slice()))
    })
}

fn blob_name(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

fn json(what: &'static str, value: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|source| Error::Encode { what, source })
}
