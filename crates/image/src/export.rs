//! An image's files without the image: what `build -o` writes as a folder or a plain archive.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::Arc;

use lapstrake_oci::{Digest, Platform};
use lapstrake_rootfs::scan::scan;
use lapstrake_rootfs::tar::{Tree, write_merged};
use lapstrake_rootfs::{Kind, LayerId, Merged, TreePath, View, files, read};

use crate::hashing::HashingReader;
use crate::root::Root;
use crate::{Error, Images, LayerFault, ResolvedImage};

/// The files of one image.
#[derive(Debug)]
pub struct ImageFiles {
    /// What the image is for.
    pub platform: Platform,
    merged: Merged,
    /// The directories of its layers, lowest first.
    layers: Vec<File>,
}

impl Images<'_> {
    /// The files of the image with this manifest, or of the images of this index, in their order.
    /// Needs a lease of the caller's to stay true.
    ///
    /// # Errors
    /// When a layer is neither here nor can it be unpacked.
    pub fn files(&self, document: &Digest) -> Result<Vec<ImageFiles>, Error> {
        let Root { images, .. } = self.root(document)?;
        images.iter().map(|image| self.files_of(image)).collect()
    }

    /// What the image with this manifest, or the images of this index, are for, in their order.
    ///
    /// # Errors
    /// When a document is damaged.
    pub fn platforms(&self, document: &Digest) -> Result<Vec<Platform>, Error> {
        let Root { images, .. } = self.root(document)?;
        Ok(images.iter().map(|image| image.config.platform()).collect())
    }

    fn files_of(&self, image: &ResolvedImage) -> Result<ImageFiles, Error> {
        self.unpack_stored(image)?;
        let (mut manifests, mut layers) = (Vec::new(), Vec::new());
        for (descriptor, diff_id) in image.layers() {
            let layer = self.store.layer(&LayerId::Image(diff_id))?;
            let layer = layer.ok_or_else(|| LayerFault::Missing.of(descriptor.digest))?;
            layers.push(File::open(&layer.path).map_err(Error::io("open a layer of the image"))?);
            manifests.push(layer.manifest);
        }
        let merged = Merged::of(&View::new(manifests));
        Ok(ImageFiles { platform: image.config.platform(), merged, layers })
    }
}

impl ImageFiles {
    /// Files that belong to no image: those of the folder `folder`, which has to stay until they are
    /// written, beside those of the image for `platform`.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn beside(platform: Platform, folder: File) -> Result<Self, Error> {
        let manifest = scan(folder.as_fd()).map_err(|source| Error::Scan { source })?;
        let merged = Merged::of(&View::new(vec![Arc::new(manifest)])).without_root();
        Ok(Self { platform, merged, layers: vec![folder] })
    }

    /// The regular files in path order, from the root without a slash in front, each with the digest
    /// of its content.
    ///
    /// # Errors
    /// When a layer is damaged.
    pub fn digests(&self) -> Result<Vec<(String, Digest)>, Error> {
        let mut digests = Vec::new();
        for (entry, layer) in self.merged.entries() {
            let is_file = matches!(entry.kind, Kind::File { .. } | Kind::HardLink { .. });
            let Some(layer) = self.layers.get(layer).filter(|_| is_file) else { continue };
            let read = read::open_file(layer.as_fd(), &entry.path).and_then(|file| {
                let mut hashing = HashingReader::new(file);
                io::copy(&mut hashing, &mut io::sink()).map(|_| hashing.finish())
            });
            let digest = read.map_err(Error::io("read a file of the image"))?;
            digests.push((String::from_utf8_lossy(entry.path.as_bytes()).into_owned(), digest));
        }
        Ok(digests)
    }

    /// The same with no time behind `seconds` since 1970.
    #[must_use]
    pub fn no_later_than(self, seconds: i64) -> Self {
        Self { merged: self.merged.no_later_than(seconds), ..self }
    }

    /// Gives `visit` the path, from the root without a slash in front, and the content of all
    /// regular files of at most `limit` bytes that are `wanted`.
    ///
    /// # Errors
    /// When a layer is damaged.
    pub fn read(
        &self,
        limit: u64,
        wanted: impl Fn(&str) -> bool,
        mut visit: impl FnMut(&str, &[u8]),
    ) -> Result<(), Error> {
        for (entry, layer) in self.merged.entries() {
            let Ok(path) = std::str::from_utf8(entry.path.as_bytes()) else { continue };
            let is_file = matches!(entry.kind, Kind::File { .. } | Kind::HardLink { .. });
            let Some(layer) = self.layers.get(layer).filter(|_| is_file && wanted(path)) else {
                continue;
            };
            match read::read_file(layer.as_fd(), &entry.path, limit) {
                Ok(bytes) => visit(path, &bytes),
                Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {}
                Err(source) => {
                    return Err(Error::Io { operation: "read a file of the image", source });
                }
            }
        }
        Ok(())
    }

    /// Writes them into a folder, in which other files stay (see [`files`]).
    ///
    /// # Errors
    /// When a layer is damaged, or the folder cannot be written: a part may be there then.
    pub fn write_into(&self, folder: BorrowedFd<'_>) -> Result<(), Error> {
        files::write(&self.merged, &self.layers, folder).map_err(|source| Error::Files { source })
    }
}

/// Writes files as one tar to `out`, each image's below the directory that stands beside it; the root
/// for none.
///
/// # Errors
/// When a layer is damaged, or `out` fails.
pub fn write_tar(parts: &[(TreePath, ImageFiles)], out: &mut dyn Write) -> Result<(), Error> {
    let trees: Vec<Tree<'_>> = parts
        .iter()
        .map(|(below, part)| Tree { merged: &part.merged, layers: &part.layers, below })
        .collect();
    write_merged(&trees, out).map_err(|source| Error::Tar { source })
}
