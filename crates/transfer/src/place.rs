//! Where caches are: in folders, in repositories of registries, in buckets.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use lapstrake_cache::Store;
use lapstrake_image::LayoutFolder;
use lapstrake_image::folder::{Reset, Writing, has_tag, tagged};
use lapstrake_oci::{
    Descriptor, Digest, Document, MAX_DOCUMENT_SIZE, Manifest, MediaType, Reference,
};
use lapstrake_registry::Client;
use tempfile::NamedTempFile;

use crate::{Bucket, Error, timely};

/// What fails, as an infinitive.
const WRITE: &str = "write the cache";

/// Images of an index that are looked at.
const PLATFORMS: usize = 64;

/// A cache, or where one is to be.
#[derive(Clone, Debug)]
pub enum Place {
    /// An image layout in a folder.
    Folder {
        /// The folder.
        path: PathBuf,
        /// Its name among those of the layout.
        tag: String,
        /// What is read in the place of what has that name.
        digest: Option<Digest>,
    },
    /// A registry.
    Repository {
        /// Who asks.
        client: Client,
        /// The cache's name.
        reference: Reference,
    },
    /// An object store.
    Bucket(Bucket),
}

impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder { path, .. } => write!(formatter, "{}", path.display()),
            Self::Repository { reference, .. } => write!(formatter, "{reference}"),
            Self::Bucket(bucket) => write!(formatter, "{bucket}"),
        }
    }
}

/// Reading.
impl Place {
    /// The manifest of the cache, or of what else has its name; of an index, those of its images.
    pub(crate) fn manifests(&self) -> Result<Vec<Manifest>, Error> {
        let named = match self {
            Self::Folder { path, digest: Some(digest), .. } => addressed(path, *digest)?,
            Self::Folder { path, tag, .. } => {
                let index = LayoutFolder::new(path).index()?;
                let index = index.ok_or_else(|| no_index(path))?;
                let entry = index.manifests.iter().find(|entry| has_tag(entry, tag));
                let missing = || Error::NotThere { folder: path.clone(), tag: tag.clone() };
                self.document(entry.ok_or_else(missing)?)?
            }
            Self::Repository { client, reference } => client.resolve(reference)?.document,
            Self::Bucket(bucket) => {
                Document::parse(&bucket.manifest()?, Some(&MediaType::OciManifest))
                    .map_err(document("the manifest of the cache"))?
            }
        };
        let index = match named {
            Document::Manifest(manifest) => return Ok(vec![*manifest]),
            Document::Index(index) => index,
        };
        let images = index.manifests.iter().filter(|entry| !entry.is_attestation());
        let images = images.take(PLATFORMS).filter_map(|entry| match self.document(entry) {
            Ok(Document::Manifest(manifest)) => Some(Ok(*manifest)),
            Ok(Document::Index(_)) => None,
            Err(error) => Some(Err(error)),
        });
        images.collect()
    }

    /// A manifest or index that an index names.
    fn document(&self, entry: &Descriptor) -> Result<Document, Error> {
        match self {
            Self::Folder { .. } | Self::Bucket(_) => {
                let bytes = self.small(entry, MAX_DOCUMENT_SIZE as u64)?;
                Document::parse(&bytes, Some(&entry.media_type))
                    .map_err(document("the manifest of the cache"))
            }
            Self::Repository { client, reference } => {
                Ok(client.manifest(reference, entry)?.document)
            }
        }
    }

    /// The bytes of a blob, which are not checked here.
    pub(crate) fn blob(&self, blob: &Descriptor) -> Result<Box<dyn Read + Send>, Error> {
        match self {
            Self::Folder { path, .. } => Ok(Box::new(open(path, &blob.digest)?)),
            Self::Repository { client, reference } => Ok(Box::new(client.blob(reference, blob)?)),
            Self::Bucket(bucket) => Ok(bucket.blob(&blob.digest)?),
        }
    }

    /// A blob of at most `limit` bytes, checked.
    pub(crate) fn small(&self, blob: &Descriptor, limit: u64) -> Result<Vec<u8>, Error> {
        self.small_within(blob, limit, timely::LIMIT)
    }

    /// The same, which may take so long once it begins to come.
    pub(crate) fn small_within(
        &self,
        blob: &Descriptor,
        limit: u64,
        time: Duration,
    ) -> Result<Vec<u8>, Error> {
        if blob.size > limit {
            return Err(Error::TooLarge { digest: blob.digest, size: blob.size, limit });
        }
        let failed = |source| Error::Read { digest: blob.digest, source };
        let reader = self.blob(blob)?.take(blob.size.saturating_add(1));
        let bytes = timely::read(reader, time).map_err(failed)?;
        match Digest::of(&bytes) == blob.digest {
            true => Ok(bytes),
            false => Err(Error::Blob {
                expected: blob.digest,
                expected_size: blob.size,
                size: bytes.len() as u64,
            }),
        }
    }
}

/// Writing. Each blob is there as a whole or not at all, and what the name stands for changes last.
impl Place {
    /// Sees to it that blobs can be written, and stay while the result lives.
    pub(crate) fn begin(&self, cancelled: &dyn Fn() -> bool) -> Result<Option<Writing>, Error> {
        match self {
            Self::Folder { path, .. } => Ok(Some(LayoutFolder::new(path).begin(cancelled)?)),
            Self::Repository { .. } | Self::Bucket(_) => Ok(None),
        }
    }

    /// Removes blobs that nothing leads to any more, where that can be done; the cache has its name.
    pub(crate) fn reset(
        &self,
        writing: Option<Writing>,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Reset, Error> {
        match (self, writing) {
            (Self::Folder { path, .. }, Some(writing)) => {
                Ok(LayoutFolder::new(path).reset(writing, cancelled)?)
            }
            _ => Ok(Reset::Unasked),
        }
    }

    /// Whether a blob is there. Its bytes are not read.
    pub(crate) fn has(&self, blob: &Descriptor) -> Result<bool, Error> {
        match self {
            Self::Folder { path, .. } => Ok(LayoutFolder::new(path).has(blob)),
            Self::Repository { client, reference } => Ok(client.has_blob(reference, &blob.digest)?),
            Self::Bucket(bucket) => Ok(bucket.has(blob)?),
        }
    }

    /// Gets a blob from another repository of the registry, if one is known to have it.
    pub(crate) fn mount(&self, blob: &Descriptor, store: &Store) -> Result<bool, Error> {
        let Self::Repository { client, reference } = self else { return Ok(false) };
        let places = store.places(&blob.digest)?;
        let places = places.iter().filter_map(|place| Reference::parse(place).ok());
        let mut others = places.filter(|place| {
            place.registry() == reference.registry() && place.repository() != reference.repository()
        });
        match others.next() {
            Some(other) => Ok(client.mount_blob(reference, &blob.digest, other.repository())?),
            None => Ok(false),
        }
    }

    /// A file that can become a blob. Dropped, it is gone.
    pub(crate) fn scratch(&self, temporary: &Path) -> Result<NamedTempFile, Error> {
        match self {
            Self::Folder { path, .. } => Ok(LayoutFolder::new(path).scratch()?),
            Self::Repository { .. } | Self::Bucket(_) => {
                NamedTempFile::new_in(temporary).map_err(Error::io(WRITE))
            }
        }
    }

    /// Makes the file the blob whose bytes it has.
    pub(crate) fn put(&self, blob: &Descriptor, file: NamedTempFile) -> Result<(), Error> {
        match self {
            Self::Folder { path, .. } => LayoutFolder::new(path).put(file, &blob.digest)?,
            Self::Repository { client, reference } => {
                let content = |offset: u64| -> io::Result<Box<dyn Read + Send>> {
                    let mut file = file.reopen()?;
                    file.seek(SeekFrom::Start(offset))?;
                    Ok(Box::new(file))
                };
                client.push_blob(reference, blob, None, &content)?;
            }
            Self::Bucket(bucket) => bucket.put(blob, file.as_file())?,
        }
        Ok(())
    }

    /// Writes a blob that is at hand.
    pub(crate) fn put_bytes(
        &self,
        blob: &Descriptor,
        bytes: &[u8],
        temporary: &Path,
    ) -> Result<(), Error> {
        let mut file = self.scratch(temporary)?;
        file.write_all(bytes).map_err(Error::io(WRITE))?;
        self.put(blob, file)
    }

    /// Gives the cache its name; all blobs are there. `cancelled` ends the wait for others that
    /// name something in the same folder.
    pub(crate) fn name(
        &self,
        manifest: &[u8],
        temporary: &Path,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<(), Error> {
        match self {
            Self::Folder { path, tag, .. } => {
                let entry = Descriptor::of(MediaType::OciManifest, manifest);
                self.put_bytes(&entry, manifest, temporary)?;
                Ok(LayoutFolder::new(path).name(vec![tagged(entry, tag)], cancelled)?)
            }
            Self::Repository { client, reference } => {
                client.push_document(reference, &MediaType::OciManifest, manifest)?;
                Ok(())
            }
            Self::Bucket(bucket) => Ok(bucket.name(manifest)?),
        }
    }

    /// The repository, with its registry.
    pub(crate) fn repository(&self) -> Option<String> {
        match self {
            Self::Folder { .. } | Self::Bucket(_) => None,
            Self::Repository { reference, .. } => Some(reference.name()),
        }
    }
}

/// Why a folder without an index is no cache.
fn no_index(folder: &Path) -> Error {
    let folder = folder.to_owned();
    match folder.exists() {
        true => Error::NoIndex { folder },
        false => Error::NoFolder { folder },
    }
}

fn open(folder: &Path, digest: &Digest) -> Result<File, Error> {
    let failed = |source| Error::Read { digest: *digest, source };
    LayoutFolder::new(folder).open_blob(digest)?.map_err(failed)
}

/// A manifest or index of a folder that nothing is known of but its digest.
fn addressed(folder: &Path, digest: Digest) -> Result<Document, Error> {
    let mut bytes = Vec::new();
    let failed = |source| Error::Read { digest, source };
    let mut file = open(folder, &digest)?.take(MAX_DOCUMENT_SIZE as u64 + 1);
    file.read_to_end(&mut bytes).map_err(failed)?;
    let size = bytes.len() as u64;
    match Digest::of(&bytes) == digest {
        true => Document::parse(&bytes, None).map_err(document("the manifest of the cache")),
        false => Err(Error::Blob { expected: digest, expected_size: size, size }),
    }
}

/// For `map_err`: a fault of a document.
pub(crate) fn document(what: &str) -> impl FnOnce(lapstrake_oci::Error) -> Error {
    let what = what.to_owned();
    move |source| Error::Document { what, source }
}
