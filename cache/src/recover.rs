//! What is known again when the database was lost: the tags, and the layers of their images.
//!
//! Which steps made what is forgotten, so other layers lead nowhere: a build makes them again. But images lose nothing.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::fd::AsFd as _;

use lapstrake_oci::{Digest, Document, ImageConfig};
use lapstrake_rootfs::{LayerId, LayerManifest, tar};
use rusqlite::Connection;

use crate::layer::layer_id;
use crate::lock::Exclusive;
use crate::{Error, Store, database};

/// Documents that one tag leads to, at most.
const DOCUMENTS: usize = 10_000;

impl Store {
    /// Takes the tags over from `index.json`, and finds the layers of their images, into a database that knows
    /// nothing. It counts as whole when that is done: interrupted, it is done again.
    pub(crate) fn recover(&self) -> Result<(), Error> {
        self.restore_tags()?;
        self.restore_layers()?;
        database::finish(&self.database())
    }

    /// Moves a damaged database aside, and begins a new one; false while other processes use the store.
    pub(crate) fn renew_database(&self) -> Result<bool, Error> {
        let Some(_alone) = Exclusive::take(self.root())? else { return Ok(false) };
        let mut database = self.database();
        // The old one is closed before its files are moved.
        let nothing = Connection::open_in_memory().map_err(Error::database("close"))?;
        drop(std::mem::replace(&mut *database, nothing));
        let (connection, _) = database::anew(self.root())?;
        *database = connection;
        drop(database);
        self.recover()?;
        Ok(true)
    }

    /// Of a layer that came with an image the content is compared with its manifest. One that was built here is
    /// found by the digest of its tar, which is in the image's config.
    fn restore_layers(&self) -> Result<(), Error> {
        let mut wanted = self.wanted_layers()?;
        if wanted.is_empty() {
            return Ok(());
        }
        let mut built = Vec::new();
        for name in self.layer_folders()? {
            match layer_id(&name) {
                Some(id @ LayerId::Image(diff_id)) if wanted.contains(&diff_id) => {
                    if self.verify_layer(&id).is_ok()
                        && let Some(manifest) = self.manifest_of(&id)
                    {
                        self.note_layer(&id, manifest.size())?;
                        wanted.remove(&diff_id);
                    }
                }
                Some(id @ LayerId::Built(_)) => built.push(id),
                Some(LayerId::Image(_)) | None => {}
            }
        }
        for id in built {
            if wanted.is_empty() {
                return Ok(());
            }
            let Some(manifest) = self.manifest_of(&id) else { continue };
            let Ok(folder) = File::open(self.layer_path(&id)) else { continue };
            let Ok((diff_id, size)) = tar::diff_id(folder.as_fd(), &manifest) else { continue };
            if wanted.remove(&diff_id) {
                self.note_layer(&id, manifest.size())?;
                self.put_diff_id(&id, &diff_id, size)?;
            }
        }
        Ok(())
    }

    /// The diff ids of all images that have a tag.
    fn wanted_layers(&self) -> Result<BTreeSet<Digest>, Error> {
        let mut wanted = BTreeSet::new();
        let mut left: Vec<Digest> = self.tags()?.iter().map(|tag| tag.manifest).collect();
        let mut seen = BTreeSet::new();
        while let Some(digest) = left.pop() {
            if seen.len() >= DOCUMENTS || !seen.insert(digest) {
                continue;
            }
            // What is not here, or is none, leads to no layer.
            let Ok(bytes) = fs::read(self.blob_path(&digest)) else { continue };
            match Document::parse(&bytes, None) {
                Ok(Document::Index(index)) => {
                    left.extend(index.manifests.iter().map(|manifest| manifest.digest));
                }
                Ok(Document::Manifest(manifest)) => {
                    let config = fs::read(self.blob_path(&manifest.config.digest));
                    let config = config.ok().and_then(|bytes| ImageConfig::parse(&bytes).ok());
                    wanted.extend(config.into_iter().flat_map(|config| config.rootfs.diff_ids));
                }
                Err(_) => {}
            }
        }
        Ok(wanted)
    }

    fn manifest_of(&self, id: &LayerId) -> Option<LayerManifest> {
        LayerManifest::decode(&fs::read(self.layer_folder(id).join("manifest")).ok()?).ok()
    }

    fn layer_folders(&self) -> Result<Vec<String>, Error> {
        let folder = self.root().join("layers");
        let entries = fs::read_dir(&folder).map_err(Error::io("list", &folder))?;
        let names = entries.map(|entry| Ok(entry?.file_name().into_string().ok()));
        let names: std::io::Result<Vec<Option<String>>> = names.collect();
        Ok(names.map_err(Error::io("list", &folder))?.into_iter().flatten().collect())
    }
}
