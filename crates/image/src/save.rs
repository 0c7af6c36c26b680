//! `save`: images as archives.
//!
//! Both formats hold an OCI image layout; a docker archive has `manifest.json` and `repositories`
//! beside it, as Docker writes it since version 25. The order of the files is that of the images
//! and their layers, and times are 0, so the same images give the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufWriter, IntoInnerError, Write};
use std::path::Path;

use lapstrake_oci::{
    Descriptor, Digest, Document, Index, MAX_DOCUMENT_SIZE, MediaType, Platform, Reference,
};
use serde::Serialize;

use crate::attestation::{self, Attested};
use crate::folder::{LAYOUT, LayoutFolder};
use crate::outgoing::ArchiveWriter;
use crate::parcel::{Parcel, Parcels};
use crate::root::Root;
use crate::{Error, Form, Images, ResolvedImage};

/// Bytes that are written to a file at once.
const CHUNK: usize = 1 << 20;

/// How an archive is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// An OCI image layout in a tar.
    Oci,
    /// The same with the files that `docker load` of any age needs.
    Docker,
}

/// Where images are written to.
pub enum Destination<'a> {
    /// One tar.
    Archive(Format, &'a mut dyn Write),
    /// An OCI image layout in a folder, which may have one already.
    Folder(&'a Path),
}

/// Something that goes into an archive under a name: an image, or an index of images.
struct Export {
    /// What it is in the store.
    stored: Digest,
    /// Its entry in `index.json`, without a name.
    entry: Descriptor,
    /// The indexes, with their bytes.
    indexes: Vec<(Descriptor, Vec<u8>)>,
    images: Vec<Outgoing>,
    /// What is said about them.
    attested: Vec<Attested>,
    /// Its names, which need not be known to the store.
    names: Vec<Reference>,
}

/// An image as it leaves.
struct Outgoing {
    manifest: (Descriptor, Vec<u8>),
    config: Descriptor,
    layers: Vec<Parcel>,
    platform: Platform,
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
    pub fn save(
        &self,
        names: &[String],
        form: &Form,
        format: Format,
        out: &mut dyn Write,
    ) -> Result<(), Error> {
        let _lease = self.store.lease()?;
        let mut ready = Parcels::new();
        let mut exports: Vec<Export> = Vec::new();
        for name in names {
            let found = self.look_up(name)?;
            let tag = Reference::parse(name).ok().filter(|name| name.digest().is_none());
            let tag = tag.filter(|_| found.is_name);
            match exports.iter_mut().find(|known| known.stored == found.root) {
                Some(known) => known.names.extend(tag),
                None => {
                    let names = tag.into_iter().collect();
                    exports.push(self.outgoing(&found.root, names, form, &mut ready)?);
                }
            }
        }
        self.export(&exports, Destination::Archive(format, out))
    }

    /// Writes the image with this manifest, or the images of this index, in some form, called
    /// `names`. Returns the digest of the manifest or index that it has there.
    ///
    /// # Errors
    /// As [`Images::save`].
    pub fn save_image(
        &self,
        document: &Digest,
        names: &[Reference],
        form: &Form,
        destination: Destination<'_>,
    ) -> Result<Digest, Error> {
        let _lease = self.store.lease()?;
        let export = self.outgoing(document, names.to_vec(), form, &mut Parcels::new())?;
        let digest = export.entry.digest;
        self.export(&[export], destination).map(|()| digest)
    }

    /// An image or index with all that belongs to it. An index of which something
    /// is missing goes as another one without that; with a single image left, as that image.
    fn outgoing(
        &self,
        document: &Digest,
        names: Vec<Reference>,
        form: &Form,
        ready: &mut Parcels,
    ) -> Result<Export, Error> {
        let root = self.root(document)?;
        let mut images = Vec::new();
        for image in &root.images {
            self.make_ready(image, form, ready)?;
            images.push(self.outgoing_image(image, form, ready)?);
        }
        let attested = images
            .iter()
            .map(|image| attestation::attest(&image.manifest.0, &names, &form.attestations));
        let attested: Vec<Attested> =
            attested.filter_map(Result::transpose).collect::<Result<_, Error>>()?;
        let indexes = self.outgoing_indexes(&root, &images, &attested, form)?;
        let first = images.first().map(|image| &image.manifest.0);
        let entry = indexes.first().map(|(entry, _)| entry).or(first).cloned();
        let entry = entry.ok_or_else(|| Error::NoSuchImage { name: document.to_string() })?;
        Ok(Export { stored: *document, entry, indexes, images, attested, names })
    }

    fn outgoing_image(
        &self,
        image: &ResolvedImage,
        form: &Form,
        ready: &Parcels,
    ) -> Result<Outgoing, Error> {
        let layers = image.manifest.layers.iter().map(|layer| {
            let missing = || self.blob_missing(layer.digest);
            ready.get(&layer.digest).cloned().ok_or_else(missing)
        });
        let layers = layers.collect::<Result<Vec<Parcel>, Error>>()?;
        let described = layers.iter().map(|layer| layer.descriptor.clone()).collect();
        Ok(Outgoing {
            manifest: self.outgoing_manifest(image, described, form)?,
            config: image.manifest.config.clone(),
            layers,
            platform: image.config.platform(),
        })
    }

    /// The indexes above these images: the stored ones when they say what is true.
    fn outgoing_indexes(
        &self,
        root: &Root,
        images: &[Outgoing],
        attested: &[Attested],
        form: &Form,
    ) -> Result<Vec<(Descriptor, Vec<u8>)>, Error> {
        let is_alone = root.indexes.is_empty() || (images.len() < 2 && !root.is_whole);
        if is_alone && attested.is_empty() {
            return Ok(Vec::new());
        }
        let mut kept = root.images.iter().zip(images);
        let is_same = |(old, new): (&ResolvedImage, &Outgoing)| old.digest == new.manifest.0.digest;
        if attested.is_empty() && root.is_whole && !form.marks_index() && kept.all(is_same) {
            return root.indexes.iter().map(|index| self.descriptor(index)).collect();
        }
        let own = match root.indexes.first().map(|index| self.stored_document(index)).transpose()? {
            Some(Some(Document::Index(index))) => Some(index),
            _ => None,
        };
        let stored = root.images.iter().map(|image| image.digest);
        let entries = images.iter().map(|image| image.manifest.0.clone());
        let said = attested.iter().map(|said| (said.manifest.0.digest, said.manifest.0.clone()));
        let entries = stored.zip(entries).chain(said).collect();
        Ok(vec![form.index(entries, own.as_deref())?])
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
        let missing = || self.blob_missing(*digest);
        let bytes = self.store.read_blob(digest, MAX_DOCUMENT_SIZE as u64)?.ok_or_else(missing)?;
        let document =
            Document::parse(&bytes, None).map_err(Error::document(digest.to_string()))?;
        Ok((Descriptor::of(document.media_type(), &bytes), bytes))
    }

    fn export(&self, exports: &[Export], destination: Destination<'_>) -> Result<(), Error> {
        let entries: Vec<Descriptor> = exports.iter().flat_map(Export::entries).collect();
        match destination {
            Destination::Archive(format, out) => {
                if format == Format::Docker {
                    exports.iter().try_for_each(Export::check_single)?;
                }
                let mut archive = ArchiveWriter::new(out);
                archive.bytes("oci-layout", LAYOUT)?;
                let index = Index::new(MediaType::OciIndex, entries);
                let index = index.to_bytes().map_err(Error::document("index.json"))?;
                archive.bytes("index.json", &index)?;
                if format == Format::Docker {
                    archive.bytes("manifest.json", &json("manifest.json", &items(exports))?)?;
                    archive
                        .bytes("repositories", &json("repositories", &repositories(exports))?)?;
                }
                self.write_blobs(exports, &mut |digest, size, fill| {
                    archive.file(&blob_name(digest), size, fill)
                })?;
                archive.finish()
            }
            Destination::Folder(path) => {
                let (folder, never) = (LayoutFolder::new(path), || false);
                let _writing = folder.begin(&never)?;
                self.write_blobs(exports, &mut |digest, _, fill| {
                    let mut out = BufWriter::with_capacity(CHUNK, folder.scratch()?);
                    fill(&mut out)?;
                    let file = out.into_inner().map_err(IntoInnerError::into_error);
                    folder.put(file.map_err(Error::io("write the image layout"))?, digest)
                })?;
                folder.name(entries, &never)
            }
        }
    }

    /// All blobs, each once: indexes, then manifest, config and layers of one image after the
    /// other.
    fn write_blobs(&self, exports: &[Export], file: &mut AddFile<'_>) -> Result<(), Error> {
        let mut written = BTreeSet::new();
        let mut add = |blob: &Descriptor, fill: &mut Fill<'_>| match written.insert(blob.digest) {
            true => file(&blob.digest, blob.size, fill),
            false => Ok(()),
        };
        let write = |bytes: &[u8], out: &mut dyn Write| {
            out.write_all(bytes).map_err(Error::io("write a document"))
        };
        for Export { indexes, images, attested, .. } in exports {
            let said =
                attested.iter().flat_map(|said| [&said.manifest].into_iter().chain(&said.blobs));
            for (document, bytes) in indexes.iter().chain(said) {
                add(document, &mut |out| write(bytes, out))?;
            }
            for image in images {
                let (manifest, bytes) = &image.manifest;
                add(manifest, &mut |out| write(bytes, out))?;
                add(&image.config, &mut |out| self.copy_blob(&image.config, out))?;
                for layer in &image.layers {
                    add(&layer.descriptor, &mut |out| self.copy_parcel(layer, out))?;
                }
            }
        }
        Ok(())
    }
}

/// Writes the content of a file.
type Fill<'a> = dyn FnMut(&mut dyn Write) -> Result<(), Error> + 'a;
/// Adds the blob with this digest and size to what is written.
type AddFile<'a> = dyn FnMut(&Digest, u64, &mut Fill<'_>) -> Result<(), Error> + 'a;

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
                platforms: images.iter().map(|image| image.platform.clone()).collect(),
            }),
        }
    }

    /// One entry for each name; one for what has none.
    fn entries(&self) -> Vec<Descriptor> {
        let named = self.names.iter().map(|name| {
            let tag = name.tag().unwrap_or("latest").to_owned();
            let mut entry = self.entry.clone();
            entry.annotations.extend([
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
    let item = |(image, names): (&Outgoing, &[Reference])| Item {
        config: blob_name(&image.config.digest),
        repo_tags: names.iter().map(Reference::familiar).collect(),
        layers: image.layers.iter().map(|layer| blob_name(&layer.descriptor.digest)).collect(),
    };
    named_images(exports).map(item).collect()
}

/// Repository → tag → id of the uppermost layer: what Docker before version 1.10 looks at.
fn repositories(exports: &[Export]) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut repositories: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (image, names) in named_images(exports) {
        let top = image.layers.last().map(|layer| layer.descriptor.digest.hex());
        for name in names {
            let tags = repositories.entry(name.familiar_name()).or_default();
            let tag = name.tag().unwrap_or("latest").to_owned();
            tags.insert(tag, top.clone().unwrap_or_default());
        }
    }
    repositories
}

fn named_images(exports: &[Export]) -> impl Iterator<Item = (&Outgoing, &[Reference])> {
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
