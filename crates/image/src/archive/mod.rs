//! Reading image archives: an OCI layout or a docker archive, as a tar or as a directory.
//!
//! A tar may have its files in any order and cannot be read twice, so all of it goes into a
//! temporary folder of the store first, hashed on the way; layers are moved from there to the
//! blobs. Names of an archive's files are only looked up, never used as paths.

mod docker;
mod layout;
mod spool;

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd as _;
use std::path::Path;

use lapstrake_cache::Store;
use lapstrake_oci::{Descriptor, Digest, MAX_DOCUMENT_SIZE, Manifest, Platform};
use lapstrake_rootfs::{TreePath, read};

use crate::incoming::Keep;
use crate::layout::Choice;
use crate::{Error, LayerFault};
use spool::Spool;

/// Files of an image archive.
pub(crate) enum Archive {
    /// A tar that was read to its end.
    Spool(Spool),
    /// A directory that is read in place.
    Directory(File),
}

/// An image of an archive, not yet checked against its layers.
pub(crate) struct Offered {
    /// Full names.
    pub(crate) names: Vec<String>,
    /// The bytes of its manifest.
    pub(crate) manifest_bytes: Vec<u8>,
    /// What they say.
    pub(crate) manifest: Manifest,
    /// The bytes of its config, whose digest is the one in the manifest.
    pub(crate) config_bytes: Vec<u8>,
}

impl Archive {
    /// Reads a tar, compressed or not.
    pub(crate) fn from_reader(store: &Store, reader: impl Read + Send) -> Result<Self, Error> {
        Spool::new(store, reader).map(Self::Spool)
    }

    /// Opens a directory.
    pub(crate) fn from_directory(path: &Path) -> Result<Self, Error> {
        let directory = File::open(path).map_err(Error::io("open the image layout"))?;
        Ok(Self::Directory(directory))
    }

    /// The images of the archive. Of several with one name, that for `platform`.
    ///
    /// # Errors
    /// When it is no image archive, or its documents are missing, damaged or others than their
    /// digests say.
    pub(crate) fn images(&self, platform: &Platform) -> Result<Vec<Offered>, Error> {
        if self.read("oci-layout")?.is_some() {
            return layout::images(self, platform);
        }
        match self {
            Self::Spool(spool) => docker::images(self, spool),
            Self::Directory(_) => Err(refused(NO_LAYOUT)),
        }
    }

    /// One image of an OCI layout.
    ///
    /// # Errors
    /// When it is no layout, has no such image, or its documents are missing, damaged or others
    /// than their digests say.
    pub(crate) fn image(&self, choice: &Choice, platform: &Platform) -> Result<Offered, Error> {
        match self.read("oci-layout")? {
            Some(_) => layout::chosen(self, choice, platform),
            None => Err(refused(NO_LAYOUT)),
        }
    }

    /// A layer, and how it becomes a blob of the store.
    pub(crate) fn open_layer<'a>(
        &'a self,
        store: &Store,
        descriptor: &Descriptor,
    ) -> Result<(Box<dyn Read + Send + 'a>, Keep), LayerFault> {
        let path = blob_path(&descriptor.digest);
        match self {
            Self::Spool(spool) => spool.open_layer(&path, &descriptor.digest),
            Self::Directory(directory) => {
                let file = read::open_file(directory.as_fd(), &path);
                let file = file.map_err(|source| match source.kind() {
                    io::ErrorKind::NotFound => LayerFault::Missing,
                    _ => LayerFault::Read { source },
                })?;
                let writer = store.blob_writer().map_err(LayerFault::Store)?;
                Ok((Box::new(file), Keep::Write(writer)))
            }
        }
    }

    /// The bytes of a small file.
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let path = TreePath::from(name);
        let limit = MAX_DOCUMENT_SIZE as u64;
        let bytes = match self {
            Self::Spool(spool) => spool.read(&path, limit),
            Self::Directory(directory) => read::read_file(directory.as_fd(), &path, limit),
        };
        match bytes {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::Io { operation: "read a document of the archive", source }),
        }
    }

    /// The bytes of a document among the blobs, checked.
    fn document(&self, digest: &Digest) -> Result<Option<Vec<u8>>, Error> {
        let name = format!("blobs/sha256/{}", digest.hex());
        match self.read(&name)? {
            Some(bytes) if Digest::of(&bytes) != *digest => {
                Err(refused(format!("the content of {name} is not what its name says")))
            }
            other => Ok(other),
        }
    }
}

const NO_LAYOUT: &str = "the directory is no OCI image layout, it has no file oci-layout";

fn blob_path(digest: &Digest) -> TreePath {
    TreePath::from(format!("blobs/sha256/{}", digest.hex()).as_str())
}

fn refused(reason: impl Into<String>) -> Error {
    Error::Archive { reason: reason.into() }
}

/// At most the first 100 characters, for messages.
fn excerpt(text: &str) -> String {
    text.chars().take(100).collect()
}
