//! Whether what is on disk is still what the store says it is.
//!
//! A layer is held against its manifest, and that against the layer's name; a blob against its digest.
//! `look` does both, `compare` the former; `repair` drops what is damaged, so that whoever needs it makes or fetches
//! it again.

mod compare;
mod look;
mod named;
mod repair;

use std::io;

use lapstrake_rootfs::TreePath;
use lapstrake_rootfs::manifest::DecodeError;
use lapstrake_rootfs::scan::ScanError;

use self::named::Named;
use crate::layer::layer_id;
use crate::lease::Gate;
use crate::{Error, Store, database};

/// What is wrong with a layer or blob.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The index names it, and it is not there.
    #[error("missing")]
    Missing,
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    /// A layer's manifest is none.
    #[error("{0}")]
    Manifest(#[source] DecodeError),
    /// A layer's manifest is that of another layer.
    #[error("manifest of another layer")]
    OtherManifest,
    /// A layer's files cannot be listed, or make no layer.
    #[error("{0}")]
    Files(#[source] ScanError),
    /// An entry of a layer's manifest has no file.
    #[error("{path} is missing")]
    Lost {
        /// Its path inside the image.
        path: TreePath,
    },
    /// A file of a layer has no entry in the manifest.
    #[error("{path} was added")]
    Added {
        /// Its path inside the image.
        path: TreePath,
    },
    /// A file of a layer is not as the manifest says.
    #[error("{path} has another {aspect}")]
    Changed {
        /// Its path inside the image.
        path: TreePath,
        /// What differs.
        aspect: &'static str,
    },
    /// The bytes of a blob are others than its name says.
    #[error("other content")]
    Content,
    /// The database is damaged inside.
    #[error("{0}")]
    Database(String),
}

/// What became of something damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mending {
    /// Nothing was asked for.
    None,
    /// It is gone from the store.
    Dropped,
    /// It stays: a running process uses it.
    InUse,
}

/// Something damaged.
#[derive(Debug)]
pub struct Damage {
    /// The name of the layer, the digest of the blob, or `store.db`.
    pub id: String,
    /// The first thing that is wrong with it.
    pub fault: Fault,
    /// The step that made the layer, or the images that the blob is the manifest or config of; may be empty.
    pub description: String,
    /// What became of it.
    pub mending: Mending,
}

/// What was looked at, and what of it is damaged.
#[derive(Debug, Default)]
pub struct Verified {
    /// How many layers were looked at.
    pub layers: u64,
    /// How many blobs were looked at.
    pub blobs: u64,
    /// What is damaged: layers, then blobs, then what is missing that a name leads to, each in the order of
    /// their ids.
    pub damages: Vec<Damage>,
}

impl Damage {
    fn new(id: String, fault: Fault) -> Self {
        Self { id, fault, description: String::new(), mending: Mending::None }
    }

    /// What it is: `layer`, `blob` or `database`.
    pub fn kind(&self) -> &'static str {
        match self.fault {
            Fault::Database(_) => "database",
            _ if layer_id(&self.id).is_some() => "layer",
            _ => "blob",
        }
    }
}

impl Store {
    /// Reads all layers and blobs, and compares them with what they are called after: file by file, and
    /// byte by byte. Times, owners and attributes of files count. Layers without a row, and those that a
    /// power cut may have cut short, count as absent already and are left out; so is what is removed
    /// meanwhile. This value must have no lease.
    ///
    /// With `repair`, what is damaged is dropped, with the records that lead to it: a later build executes
    /// these steps again, a later pull fetches it again; names that lead to a manifest or config that is gone go as well. What a running process uses stays; what was made
    /// good meanwhile is left out. Rows go in one transaction; interrupted, the rest is removed by whoever opens the store next. A damaged database is
    /// moved aside, and a new one begun with the tags and the layers of their images.
    ///
    /// # Errors
    /// When the database or the folders cannot be read or, with `repair`, written.
    pub fn verify(&self, repair: bool) -> Result<Verified, Error> {
        let mut verified = Verified::default();
        if let Some(damage) = self.verify_database(repair)? {
            let is_left = damage.mending != Mending::Dropped;
            verified.damages.push(damage);
            if is_left {
                // Nothing that it says can be relied on.
                return Ok(verified);
            }
        }
        // While nobody removes anything, what a name leads to is there.
        let gate = Gate::shared(self.root())?;
        let named = Named::of(self)?;
        let missing = named.missing(self);
        drop(gate);
        let lease = self.lease()?;
        for name in self.layer_names()? {
            let found = layer_id(&name).map(|id| self.look_at_layer(&id)).transpose()?.flatten();
            verified.layers += u64::from(found.is_some());
            verified
                .damages
                .extend(found.and_then(Result::err).map(|fault| Damage::new(name, fault)));
        }
        let mut blobs = self.blobs()?;
        blobs.sort_unstable();
        for (digest, _) in blobs {
            let found = self.look_at_blob(&digest)?;
            verified.blobs += u64::from(found.is_some());
            let fault = found.and_then(Result::err);
            verified.damages.extend(fault.map(|fault| Damage::new(digest.to_string(), fault)));
        }
        verified.damages.extend(missing);
        drop(lease);
        self.describe(&mut verified.damages, &named)?;
        if repair {
            self.repair(&mut verified.damages)?;
        }
        Ok(verified)
    }

    fn verify_database(&self, repair: bool) -> Result<Option<Damage>, Error> {
        let fault = database::fault(&self.database())?;
        let Some(fault) = fault else { return Ok(None) };
        let mut damage = Damage::new("store.db".to_owned(), Fault::Database(fault));
        if repair {
            damage.mending = if self.renew_database()? { Mending::Dropped } else { Mending::InUse };
        }
        Ok(Some(damage))
    }

    /// Adds the names of the steps and images.
    fn describe(&self, damages: &mut [Damage], named: &Named) -> Result<(), Error> {
        if damages.is_empty() {
            return Ok(());
        }
        let origins = self.origins()?;
        for damage in damages {
            let own = origins.iter().filter(|origin| origin.record.layer.to_string() == damage.id);
            let step = own.filter_map(|origin| origin.name.clone()).next();
            damage.description = step.unwrap_or_else(|| named.names(damage).join(", "));
        }
        Ok(())
    }
}
