//! Whether one layer or blob is what it is called after.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::AsFd as _;

use lapstrake_oci::{Digest, DigestHasher};
use lapstrake_rootfs::scan::scan;
use lapstrake_rootfs::{LayerId, LayerManifest};

use super::Fault;
use super::compare::compare;
use crate::{Error, Store};

/// Bytes of a blob that are read at once.
const CHUNK: usize = 1 << 20;

impl Store {
    /// `None` when the index does not name it, or it may have been cut short by a power cut.
    pub(super) fn look_at_layer(&self, id: &LayerId) -> Result<Option<Result<(), Fault>>, Error> {
        let is_here = self.locate(id)? == Some(*id);
        Ok(is_here.then(|| self.verify_layer(id)))
    }

    /// `None` when it is not there.
    pub(super) fn look_at_blob(&self, digest: &Digest) -> Result<Option<Result<(), Fault>>, Error> {
        let Some(file) = self.open_blob(digest)? else { return Ok(None) };
        Ok(Some(match hash(file) {
            Ok(found) if found == *digest => Ok(()),
            Ok(_) => Err(Fault::Content),
            Err(error) => Err(Fault::Unreadable(error)),
        }))
    }

    pub(crate) fn verify_layer(&self, id: &LayerId) -> Result<(), Fault> {
        let folder = self.layer_folder(id);
        if !folder.exists() {
            return Err(Fault::Missing);
        }
        let bytes = fs::read(folder.join("manifest")).map_err(Fault::Unreadable)?;
        let manifest = LayerManifest::decode(&bytes).map_err(Fault::Manifest)?;
        if let LayerId::Built(content) = id
            && manifest.content_hash() != *content
            && manifest.timed_hash() != *content
        {
            return Err(Fault::OtherManifest);
        }
        let fs = File::open(folder.join("fs")).map_err(Fault::Unreadable)?;
        let found = scan(fs.as_fd()).map_err(Fault::Files)?;
        compare(&manifest, &found)
    }
}

fn hash(mut file: File) -> io::Result<Digest> {
    let mut hasher = DigestHasher::new();
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hasher.finish());
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
    }
}
