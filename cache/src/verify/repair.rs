//! Dropping what is damaged.

use std::fs;
use std::io;
use std::path::PathBuf;

use lapstrake_rootfs::LayerId;

use super::named::Named;
use super::{Damage, Mending};
use crate::layer::layer_id;
use crate::lease::Gate;
use crate::prune::doomed;
use crate::{Error, Origin, Store};

impl Store {
    /// Drops what no running process uses, even where an image needs it, and the names that lead to it. What is
    /// damaged no more is taken out.
    pub(super) fn repair(&self, damages: &mut Vec<Damage>) -> Result<(), Error> {
        if damages.iter().all(|damage| damage.kind() == "database") {
            return Ok(());
        }
        let aside = self.temporary()?;
        let gate = Gate::alone(self.root())?;
        let named = self.still_damaged(damages)?;
        let leased = Gate::leased(self.root())?;
        let mut layers: Vec<LayerId> = Vec::new();
        for damage in damages.iter_mut().filter(|damage| damage.kind() != "database") {
            damage.mending = match leased.contains(&damage.id) {
                true => Mending::InUse,
                false => Mending::Dropped,
            };
            if damage.mending == Mending::Dropped {
                layers.extend(layer_id(&damage.id));
            }
        }
        let names: Vec<String> = layers.iter().map(ToString::to_string).collect();
        let folders: Vec<&str> = names.iter().map(String::as_str).collect();
        doomed::announce(self, &aside, &folders)?;
        let origins = self.origins()?;
        let own: Vec<&Origin> =
            origins.iter().filter(|origin| layers.contains(&origin.record.layer)).collect();
        self.forget(&own, &layers)?;
        let dropped = damages
            .iter()
            .filter(|damage| damage.kind() != "database" && damage.mending == Mending::Dropped);
        for (number, damage) in dropped.enumerate() {
            let path = self.path_of(damage);
            match fs::rename(&path, aside.path().join(number.to_string())) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::io("remove", path)(error));
                }
                _ => {}
            }
            for name in named.names(damage) {
                self.remove_tag(name)?;
            }
        }
        doomed::done(self.root())?;
        drop(gate);
        Ok(())
    }

    /// Takes out what somebody else has dropped, or made good, since it was found. Needs the gate alone.
    fn still_damaged(&self, damages: &mut Vec<Damage>) -> Result<Named, Error> {
        let named = Named::of(self)?;
        let missing = named.missing(self);
        let mut left = Vec::new();
        for damage in damages.drain(..) {
            let is_left = match (layer_id(&damage.id), damage.id.parse()) {
                (Some(layer), _) => self.look_at_layer(&layer)?.is_some_and(|found| found.is_err()),
                (None, Ok(digest)) => match self.look_at_blob(&digest)? {
                    Some(found) => found.is_err(),
                    None => missing.iter().any(|other| other.id == damage.id),
                },
                (None, Err(_)) => true,
            };
            left.extend(is_left.then_some(damage));
        }
        *damages = left;
        Ok(named)
    }

    fn path_of(&self, damage: &Damage) -> PathBuf {
        match damage.id.strip_prefix("sha256:") {
            Some(hex) => self.root().join("blobs/sha256").join(hex),
            None => self.root().join("layers").join(&damage.id),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::Fault;

    /// Somebody else repaired at the same time, and a build made it again.
    #[test]
    fn what_was_made_good_meanwhile_stays() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let blob = store.put_blob(b"whole").unwrap();
        store.set_tag("whole", &blob).unwrap();
        let bad = store.put_blob(b"bad").unwrap();
        fs::write(store.blob_path(&bad), b"had").unwrap();
        let gone = store.put_blob(b"gone").unwrap();
        fs::remove_file(store.blob_path(&gone)).unwrap();
        let found = |blob: &lapstrake_oci::Digest, fault| Damage::new(blob.to_string(), fault);
        let mut damages = vec![
            found(&blob, Fault::Missing),
            found(&bad, Fault::Content),
            found(&gone, Fault::Missing),
        ];
        store.repair(&mut damages).unwrap();
        let left: Vec<_> = damages.iter().map(|one| (one.id.clone(), one.mending)).collect();
        assert_eq!(left, [(bad.to_string(), Mending::Dropped)]);
        assert!(store.blob_path(&blob).exists() && store.tag("whole").unwrap().is_some());
        assert!(!store.blob_path(&bad).exists());
    }
}
