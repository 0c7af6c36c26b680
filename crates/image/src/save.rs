//! `save`: images as archives.
//!
//! Both formats hold an OCI image layout; a docker archive has `manifest.json` and `repositories`
//! beside it, as Docker writes it since version 25. The order of the files is that of the images
//! and their layers, and times are 0, so the same images give the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use lapstrake_oci::{Descriptor, Digest, Index, MAX_DOCUMENT_SIZE, MediaType, Reference};
use serde::Serialize;

use crate::outgoing::ArchiveWriter;
use crate::{Error, Images, ResolvedImage};

/// How an archive is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// An OCI image layout in a tar.
    Oci,
    /// The same with the files that `docker load` of any age needs.
    Docker,
}

/// An image that goes into an archive, and the names it has there.
#[derive(Clone, Debug)]
pub struct Export {
    /// The image.
    pub image: ResolvedImage,
    /// Its names, which need not be known to the store.
    pub names: Vec<Reference>,
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
    /// Writes the images that `names` stand for (as in [`Images::find`]) as one archive to `out`.
    /// Layers that several of them have are written once. An image that is given by its id has no
    /// name there.
    ///
    /// # Errors
    /// When one is not here, something of it is missing or damaged, or `out` fails: what was
    /// written until then is no archive.
    pub fn save(&self, names: &[String], format: Format, out: &mut dyn Write) -> Result<(), Error> {
        let _lease = self.store.lease()?;
        let mut exports: Vec<Export> = Vec::new();
        for name in names {
            let image = self.find(name)?;
            let tag = match self.named(name)? {
                Some(_) => Reference::parse(name).ok().filter(|name| name.digest().is_none()),
                None => None,
            };
            match exports.iter_mut().find(|known| known.image.digest == image.digest) {
                Some(known) => known.names.extend(tag),
                None => exports.push(Export { image, names: tag.into_iter().collect() }),
            }
        }
        self.export(&exports, format, out)
    }

    /// Writes the image with this manifest to `out`, called `names`.
    ///
    /// # Errors
    /// As [`Images::save`].
    pub fn save_image(
        &self,
        manifest: &Digest,
        names: &[Reference],
        format: Format,
        out: &mut dyn Write,
    ) -> Result<(), Error> {
        let _lease = self.store.lease()?;
        let image = self.image(manifest)?;
        let image = image.ok_or_else(|| Error::NoSuchImage { name: manifest.to_string() })?;
        self.export(&[Export { image, names: names.to_vec() }], format, out)
    }

    /// Writes these images, in this order, as one archive to `out`. The caller holds a lease.
    ///
    /// # Errors
    /// As [`Images::save`].
    pub fn export(
        &self,
        exports: &[Export],
        format: Format,
        out: &mut dyn Write,
    ) -> Result<(), Error> {
        let mut archive = ArchiveWriter::new(out);
        archive.bytes("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        let entries = self.index_entries(exports)?;
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

    /// One entry for each name, and one for an image without a name.
    fn index_entries(&self, exports: &[Export]) -> Result<Vec<Descriptor>, Error> {
        let mut entries = Vec::new();
        for Export { image, names } in exports {
            let mut entry = self.manifest_descriptor(image)?;
            entry.platform = Some(image.config.platform());
            for name in names {
                let tag = name.tag().unwrap_or("latest").to_owned();
                entry.annotations = BTreeMap::from([
                    ("io.containerd.image.name".to_owned(), name.to_string()),
                    ("org.opencontainers.image.ref.name".to_owned(), tag),
                ]);
                entries.push(entry.clone());
            }
            if names.is_empty() {
                entries.push(entry);
            }
        }
        Ok(entries)
    }

    fn manifest_descriptor(&self, image: &ResolvedImage) -> Result<Descriptor, Error> {
        let bytes = self.store.read_blob(&image.digest, MAX_DOCUMENT_SIZE as u64)?;
        let bytes = bytes.ok_or(Error::BlobMissing { digest: image.digest })?;
        let media_type = image.manifest.media_type.clone().unwrap_or(MediaType::OciManifest);
        Ok(Descriptor::of(media_type, &bytes))
    }

    /// All blobs, each once: manifest, config and layers of one image after the other.
    fn write_blobs(
        &self,
        exports: &[Export],
        archive: &mut ArchiveWriter<'_>,
    ) -> Result<(), Error> {
        let mut written = BTreeSet::new();
        for Export { image, .. } in exports {
            let manifest = self.manifest_descriptor(image)?;
            let blobs = [&manifest, &image.manifest.config].into_iter();
            for blob in blobs.chain(&image.manifest.layers) {
                if written.insert(blob.digest) {
                    let copy = |out: &mut dyn Write| self.copy_blob(blob, out);
                    archive.file(&blob_name(&blob.digest), blob.size, copy)?;
                }
            }
        }
        Ok(())
    }
}

fn items(exports: &[Export]) -> Vec<Item> {
    let item = |Export { image, names }: &Export| Item {
        config: blob_name(&image.id()),
        repo_tags: names.iter().map(Reference::familiar).collect(),
        layers: image.manifest.layers.iter().map(|layer| blob_name(&layer.digest)).collect(),
    };
    exports.iter().map(item).collect()
}

/// Repository → tag → id of the uppermost layer: what Docker before version 1.10 looks at.
fn repositories(exports: &[Export]) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut repositories: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for Export { image, names } in exports {
        let top = image.manifest.layers.last().map(|layer| layer.digest.hex());
        for name in names {
            let tags = repositories.entry(name.familiar_name()).or_default();
            let tag = name.tag().unwrap_or("latest").to_owned();
            tags.insert(tag, top.clone().unwrap_or_default());
        }
    }
    repositories
}

fn blob_name(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

fn json(what: &'static str, value: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|source| Error::Encode { what, source })
}
